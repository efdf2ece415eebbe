"""
Sizes and numbers of threads that several modules of the domain share.
"""

#: Entities in one request: what a site returns in one page.
PAGE_SIZE = 500
#: Threads that read several pages of ids at the same time.
READ_THREADS = 6

#: Writes in one batch. The site applies a batch as one transaction, which other writes have to wait for.
BATCH_SIZE = 100
#: Batches, uploads or downloads that are in flight at the same time.
WORKERS = 4
