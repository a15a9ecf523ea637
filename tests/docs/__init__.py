"""Documentation that is held to what it says.

- ``pages.py``       the pages, and the fenced blocks in them, each with what its marker says
- ``session.py``     one page as a reader follows it: every block, in order, in one shell
- ``sameness.py``    what was printed beside what is printed: the few things that may differ
- ``reference/``     the reference pages, made from the code
- ``__main__.py``    ``python -m tests.docs`` writes them, and the outputs shown in the other pages, anew

A block is marked by a comment in front of it, which readers of the source see:

- ``<!-- not run: why -->``   it is left out, for that reason
- ``<!-- slow -->``           it runs with the slow tests alone
- ``<!-- file: name -->``     what the reader saves under that name
- ``<!-- in a checkout -->``  once, for the whole page: its directory is a copy of the checkout
"""
