"""What learners can do and learn: activities, collections, knowledge components and prerequisites.

It also holds the arrays that the engine reads, and the revision that says when they are out of date. Other subjects may
import its services and selectors.
"""
