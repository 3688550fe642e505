"""Work with a finite run: the record of each job, and pipelines of steps that depend on one another.

It knows no subject: a step names a command. Other rooms may import `services`, `selectors` and `pipelines`.
"""
