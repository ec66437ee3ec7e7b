"""Faults that change nothing that anybody could see, and why.

{(file, what is there, what is planted, the line): the reason}
"""

EQUIVALENT = {}
