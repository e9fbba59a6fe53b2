"""Commits of anybody are noticed, and nothing else is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from products_svc.store.commits import AlwaysChanged, SqliteCommits
from products_svc.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'products.db'}")
    with made.writing() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    yield made
    made.close()


def insert(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_commit_is_noticed_once(database: Database) -> None:
    commits = database.commits()
    assert isinstance(commits, SqliteCommits)
    assert commits.changed()  # at first nothing is known
    assert not commits.changed()
    insert(database)
    assert commits.changed()
    assert not commits.changed()
    commits.close()


def test_commits_of_others_are_noticed_and_what_was_rolled_back_is_not(
    database: Database, tmp_path: Path
) -> None:
    commits = database.commits()
    commits.changed()
    with closing(sqlite3.connect(tmp_path / "products.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (2)")
        assert not commits.changed()
        other.execute("ROLLBACK")
        assert not commits.changed()
        other.execute("INSERT INTO t VALUES (3)")
        assert commits.changed()
    commits.close()


def test_a_reader_changes_nothing_and_is_not_waited_for(database: Database) -> None:
    commits = database.commits()
    commits.changed()
    with database.reading() as connection:
        connection.execute(text("SELECT count(*) FROM t")).one()
        assert not commits.changed()
        insert(database)
        assert commits.changed()
    commits.close()


@given(st.lists(st.sampled_from(["commit", "ask"])))
def test_any_history_is_followed(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    path = tmp_path_factory.mktemp("commits") / "any.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (n INTEGER)")
        commits = SqliteCommits(str(path))
        commits.changed()
        new = False
        for each in events:
            if each == "commit":
                writer.execute("INSERT INTO t VALUES (1)")
                new = True
            else:
                assert commits.changed() == new
                new = False
        commits.close()


def test_a_database_that_does_not_answer_may_have_changed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    commits = SqliteCommits(str(broken))
    assert commits.changed()
    assert commits.changed()
    commits.close()


def test_without_a_sign_everything_may_have_changed() -> None:
    commits = AlwaysChanged()
    assert commits.changed()
    assert commits.changed()
    commits.close()
