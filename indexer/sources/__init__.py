"""Photos that are no files in folders of this machine: in buckets, in tars, and on the web by lists of addresses.

Whatever it is, it is listed as files are (`indexer.scan.Found`); `searcher.originals` makes files of them.
"""
