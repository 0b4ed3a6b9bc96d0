"""What tests of crews share: a PostgreSQL for the journals of drivers that are killed."""

from postgres_fixture import postgres_server

__all__ = ["postgres_server"]
