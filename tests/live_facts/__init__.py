"""
Facts that were measured on a live site, as tables, each with a check that the local site does the same.

The numbers, sources and findings are those of a public record of probes (`ksallee/sg-groundtruth`, a live 8.89 site).
`tests/localsite/test_facts.py` runs every check. A new fact is one new line in the table of its subject.
"""
