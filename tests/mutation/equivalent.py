"""Faults that change nothing that anybody could see, and why.

{(file, the line, the line with the fault): the reason}
"""

EQUIVALENT = {}
