"""Notes on how a list's columns were understood."""

from __future__ import annotations

from app.lists.columns.linked import LINKED
from app.lists.columns.mapping import ColumnMapping
from app.lists.columns.table import ListTable
from app.lists.notes import ListNotes, quote_names


def note_mapping(table: ListTable, mapping: ColumnMapping, notes: ListNotes) -> None:
    """Write down which columns the pictures, the ids and the facts are read from."""
    shown = table.columns
    if not shown:
        return

    def quote(indexes: tuple[int, ...]) -> str:
        return quote_names([shown[i] for i in indexes if i < len(shown)])

    parts = [f"pictures from {quote(mapping.picture)}"]
    if mapping.custom_id:
        parts.append(f"ids from {quote(mapping.custom_id)}")
    parts += [
        f"{name} from {quote((index,))}"
        for name, index in mapping.account
        if index < len(shown) and shown[index] != name
    ]
    if mapping.linked:
        parts.append(f"linked accounts from {quote(mapping.linked)}")
    notes.add(f"Columns: {'; '.join(parts)}.")
    if mapping.others:
        notes.add(
            f"Not read, although URLs of pictures stand there: {quote(mapping.others)}; to read "
            "one of them, send the list with that column named `avatar_url`."
        )
    if not mapping.custom_id:
        notes.add("No column names the accounts: results are told apart by their number only.")


def describe_mapping(table: ListTable, mapping: ColumnMapping) -> dict[str, list[str]]:
    """The columns that give the picture, the id, each field of the account, and its links."""
    shown = table.columns
    if not shown:
        return {}
    linked = {LINKED: [shown[i] for i in mapping.linked]} if mapping.linked else {}
    return {
        "picture": [shown[i] for i in mapping.picture],
        "custom_id": [shown[i] for i in mapping.custom_id],
        **{name: [shown[index]] for name, index in mapping.account},
        **linked,
    }
