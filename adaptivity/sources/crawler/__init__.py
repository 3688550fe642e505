"""The crawler: Scrapy with a frontier in the database, and connections to public addresses alone.

Only jobs import it, because the web service's image does not contain Scrapy.
"""
