"""Which programs can use this schema.

A migration that takes away what older programs use (a contracting migration) raises `minimum_revision` to the
first revision whose program does without it, as its first statement. Older instances read the row every few
seconds, and stop serving.
"""

import sqlalchemy as sa
from alembic import op

from db.column_types import KEYED_OPTIONS

revision = "0011"
down_revision = "0010"

# Everything since 0010 was only added.
MINIMUM_REVISION = "0010"


def upgrade() -> None:
    table = sa.Table(
        "schema_info",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("minimum_revision", sa.String(32), nullable=False),
        **KEYED_OPTIONS,
    )
    connection = op.get_bind()
    table.create(connection, checkfirst=True)
    # TiDB's DDL is not transactional: an interrupted migration runs again.
    if not connection.scalar(sa.select(sa.func.count()).select_from(table)):
        connection.execute(table.insert().values(id=1, minimum_revision=MINIMUM_REVISION))


def downgrade() -> None:
    op.drop_table("schema_info", if_exists=True)
