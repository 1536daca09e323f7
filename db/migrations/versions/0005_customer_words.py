"""The words that search finds customers by."""

import sqlalchemy as sa
from alembic import op

from db.column_types import KEYED_OPTIONS, RowId, auto_random_id, index
from db.search import text_folding

revision = "0005"
down_revision = "0004"

BATCH = 200


def upgrade() -> None:
    metadata = sa.MetaData()
    customers = sa.Table(
        "customers",
        metadata,
        auto_random_id(),
        sa.Column("username", sa.String(250)),
        sa.Column("name", sa.String(250)),
        sa.Column("email", sa.String(254)),
    )
    words = sa.Table(
        "customer_words",
        metadata,
        sa.Column("word", sa.String(255), primary_key=True),
        sa.Column("customer_id", RowId, primary_key=True, autoincrement=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name="fk_customer_words_customer_id", ondelete="CASCADE"
        ),
        index("ix_customer_words_customer_id_word", "customer_id", "word"),
        **KEYED_OPTIONS,
    )
    words.create(op.get_bind(), checkfirst=True)
    _fill(op.get_bind(), customers, words)


def downgrade() -> None:
    op.drop_table("customer_words", if_exists=True)


def _fill(connection: sa.Connection, customers: sa.Table, words: sa.Table) -> None:
    """Batch by batch: TiDB holds a transaction in memory until it commits."""
    last = 0
    following = sa.select(*customers.c).order_by(customers.c.id).limit(BATCH)
    while rows := connection.execute(following.where(customers.c.id > last)).all():
        ids = [row.id for row in rows]
        # A revision that was cut short is run again as a whole.
        connection.execute(words.delete().where(words.c.customer_id.in_(ids)))
        connection.execute(
            words.insert(),
            [
                {"word": word, "customer_id": row.id}
                for row in rows
                for word in sorted(text_folding.words((row.username, row.email), (row.name,)))
            ],
        )
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("COMMIT")
        last = ids[-1]
