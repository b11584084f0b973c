"""Arrow types for libraries that know no extension types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow


def without_extensions(schema: pyarrow.Schema) -> pyarrow.Schema:
    """Return the schema with text in place of JSON, in lists and structs too."""
    import pyarrow

    def plain(kind: Any) -> Any:
        if isinstance(kind, pyarrow.BaseExtensionType):
            return plain(kind.storage_type)
        if pyarrow.types.is_list(kind):
            return pyarrow.list_(kind.value_field.with_type(plain(kind.value_type)))
        if pyarrow.types.is_struct(kind):
            return pyarrow.struct([item.with_type(plain(item.type)) for item in kind])
        return kind

    return pyarrow.schema([item.with_type(plain(item.type)) for item in schema])
