# No process of these tests answers requests. The check of a command's settings only needs the name to exist.
urlpatterns: list[object] = []
