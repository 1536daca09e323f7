"""Search words with transliterated Latin letters, and what begins inside text without spaces."""

import sqlalchemy as sa
from alembic import op

from db.column_types import RowId, auto_random_id
from db.search import text_folding

revision = "0012"
down_revision = "0011"

BATCH = 200


def upgrade() -> None:
    """Batch by batch: TiDB holds a transaction in memory until it commits."""
    metadata = sa.MetaData()
    texts = (sa.Column(name, sa.String(255)) for name in ("username", "name", "email"))
    customers = sa.Table("customers", metadata, auto_random_id(), *texts)
    words = sa.Table(
        "customer_words", metadata, sa.Column("word", sa.String(255)), sa.Column("customer_id", RowId)
    )
    connection = op.get_bind()
    following = sa.select(*customers.c).order_by(customers.c.id).limit(BATCH)
    last = 0
    while rows := connection.execute(following.where(customers.c.id > last)).all():
        # A revision that was cut short is run again as a whole.
        connection.execute(words.delete().where(words.c.customer_id.in_([row.id for row in rows])))
        found = [
            {"word": word, "customer_id": row.id}
            for row in rows
            for word in sorted(
                text_folding.with_inner_prefixes(text_folding.words((row.username, row.email), (row.name,)))
            )
        ]
        if found:
            connection.execute(words.insert(), found)
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("COMMIT")
        last = rows[-1].id


def downgrade() -> None:
    """An older version finds fewer words, and `check --data` repairs them."""
