"""The queue lies beside the batches; verdicts are renamed; lists have notes and a title."""

import sqlalchemy as sa
from alembic import op

revision = "v2"
down_revision = "v1"

_RENAMED_VERDICTS = {
    "likely_generated": "likely_stylegan",
    "unlikely_generated": "unlikely_stylegan",
}
_BATCHES = sa.table("batches", sa.column("verdicts", sa.Text), sa.column("cohort", sa.Text))
_PICTURES = sa.table(
    "pictures",
    sa.column("verdict", sa.Text),
    sa.column("finding", sa.Text),
    sa.column("analysis", sa.LargeBinary),
)
_VERDICT_COLUMNS = (
    ("results", "verdict"),
    ("pictures", "verdict"),
    ("averages", "of"),
)


def upgrade() -> None:
    """Cohorts are not kept: their shape has changed, and their lists' pictures are gone."""
    op.drop_column("chunks", "asked_by")
    op.add_column("graves", sa.Column("id", sa.Text))
    op.add_column("batches", sa.Column("notes", sa.Text, nullable=False, server_default="[]"))
    op.add_column("batches", sa.Column("title", sa.Text))
    op.execute(sa.update(_BATCHES).values(cohort=None))
    _extend_records()
    for old, new in _RENAMED_VERDICTS.items():
        _rename_verdict(old, new)
    op.execute("UPDATE eyeline_schema SET version = 2")


def _extend_records() -> None:
    """The hash (16 digits) was another one; neither the two ratios nor warnings were kept."""
    finding = _PICTURES.c.finding
    kept = sa.func.substr(finding, 20, sa.func.length(finding) - 20)
    op.execute(sa.update(_PICTURES).values(finding='["",0' + kept + ",null,null,[]]"))


def _rename_verdict(old: str, new: str) -> None:
    for name, column in _VERDICT_COLUMNS:
        table = sa.table(name, sa.column(column, sa.Text))
        op.execute(sa.update(table).where(table.c[column] == old).values({column: new}))
    counts = sa.func.replace(_BATCHES.c.verdicts, f'"{old}"', f'"{new}"')
    op.execute(sa.update(_BATCHES).values(verdicts=counts))
    answer = _as_text(_PICTURES.c.analysis)
    renamed = sa.func.replace(answer, f'"verdict":"{old}"', f'"verdict":"{new}"')
    op.execute(sa.update(_PICTURES).values(analysis=_as_bytes(renamed)))


def _as_text(column: sa.ColumnElement[bytes]) -> sa.ColumnElement[str]:
    if op.get_context().dialect.name == "postgresql":
        return sa.func.convert_from(column, "UTF8")
    return sa.cast(column, sa.Text)


def _as_bytes(text: sa.ColumnElement[str]) -> sa.ColumnElement[bytes]:
    if op.get_context().dialect.name == "postgresql":
        return sa.func.convert_to(text, "UTF8")
    return sa.cast(text, sa.LargeBinary)
