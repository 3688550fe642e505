"""The crawler: Scrapy with a frontier in the database and connections to public addresses alone. The image of the web
service has no Scrapy; only jobs import this."""
