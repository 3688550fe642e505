# No process of these tests answers requests: what the check of a command's settings asks for is all there is.
urlpatterns: list[object] = []
