"""A typed client of the REST interface.

>>> import httpx
>>> answers = httpx.MockTransport(lambda request: httpx.Response(200, json={"items": []}))
>>> transport = Transport("https://api.example/live", lambda: "an ID token", httpx.Client(transport=answers))
>>> with DaymarkClient(transport) as client:
...     list(client.book.iterate_portfolios())
[]

Amounts, quantities and prices are ``Decimal``, exactly as they were sent; days and instants are ``date`` and aware ``datetime``.
The calls and models of each system are generated from the checked-in description by ``make openapi``.
"""

from daymark.client.decoding import UnexpectedAnswer
from daymark.client.front import DaymarkClient
from daymark.client.transport import FieldError, ProblemError, Transport, new_key

__all__ = ["DaymarkClient", "FieldError", "ProblemError", "Transport", "UnexpectedAnswer", "new_key"]
