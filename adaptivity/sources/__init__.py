"""Where content comes from: learning platforms that are scraped, and websites that are crawled.

Other rooms may import `services` and `jobs`. `crawler` needs Scrapy, which only the job image has. So nothing that the
web service loads may import it.
"""
