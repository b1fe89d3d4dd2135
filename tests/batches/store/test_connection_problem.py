"""What a server or libpq says, in words. Messages as psycopg 3 gives them."""

from __future__ import annotations

import pytest

from app.batches.store.connection_problem import describe_connection_problem

FAILED = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f'{FAILED}FATAL:  password authentication failed for user "bob"', "the password"),
        (f"{FAILED}fe_sendauth: no password supplied", "the password"),
        (f'{FAILED}FATAL:  database "none" does not exist', "no database of this name"),
        (f'{FAILED}FATAL:  role "nobody" does not exist', "no such user"),
        (f"{FAILED}Connection refused\n\tIs the server running?", "no server listens"),
        (
            "failed to resolve host 'nowhere.invalid': [Errno -2]",
            "cannot be resolved",
        ),
        (f"{FAILED}timeout expired", "no answer"),
        (f"{FAILED}FATAL:  sorry, too many clients already", "no connection to spare"),
        ("permission denied for schema public", "may not make tables"),
        (f'{FAILED}FATAL:  no pg_hba.conf entry for host "10.0.0.9"', "does not admit"),
    ],
)
def test_known_problems(message: str, words: str) -> None:
    assert words in str(describe_connection_problem(message))


def test_what_is_not_known_is_not_guessed() -> None:
    assert describe_connection_problem("relation already exists") is None
