//! The rows of a record batch, read back.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch, StringArray};
use kapture_model::{
    Cell, Column, ColumnKind, CustomerRow, Row, contact_columns, customer_columns,
};

/// The customers of a batch.
pub(super) struct Rows<'b> {
    customers: Table<'b>,
    /// Which of the contacts each customer has.
    lists: &'b ListArray,
    contacts: Table<'b>,
}

impl<'b> Rows<'b> {
    /// `None` if a column is missing.
    pub(super) fn of(batch: &'b RecordBatch) -> Option<Self> {
        let lists = batch.column_by_name("contacts")?.as_list_opt::<i32>()?;
        let contacts = lists.values().as_struct_opt()?;
        Some(Self {
            customers: Table::of(customer_columns(), |name| batch.column_by_name(name))?,
            lists,
            contacts: Table::of(contact_columns(), |name| contacts.column_by_name(name))?,
        })
    }

    /// `None` if a column has another type.
    pub(super) fn customer(&self, row: usize) -> Option<CustomerRow<'b>> {
        let customer = self.customers.row(row)?;
        let Some(Cell::Integer(id)) = customer.cells.first() else {
            return None;
        };
        let offset = |row: usize| usize::try_from(*self.lists.offsets().get(row)?).ok();
        let contacts = match self.lists.is_null(row) {
            true => 0..0,
            false => offset(row)?..offset(row + 1)?,
        };
        Some(CustomerRow {
            id: *id,
            contacts: contacts
                .map(|row| self.contacts.row(row))
                .collect::<Option<_>>()?,
            customer,
        })
    }
}

/// The documented columns of a table and its extra object.
struct Table<'b> {
    columns: Vec<(ColumnKind, &'b ArrayRef)>,
    extra: &'b StringArray,
}

impl<'b> Table<'b> {
    fn of(columns: &[Column], array: impl Fn(&str) -> Option<&'b ArrayRef>) -> Option<Self> {
        let column = |column: &Column| Some((column.kind, array(&column.name)?));
        Some(Self {
            columns: columns.iter().map(column).collect::<Option<_>>()?,
            extra: array("extra")?.as_string_opt::<i32>()?,
        })
    }

    fn row(&self, row: usize) -> Option<Row<'b>> {
        let cells = self.columns.iter();
        let extra = self.extra.is_valid(row).then(|| self.extra.value(row));
        Some(Row {
            cells: cells
                .map(|(kind, array)| cell(*kind, array, row))
                .collect::<Option<_>>()?,
            extra: extra.map(str::to_owned),
        })
    }
}

fn cell<'b>(kind: ColumnKind, array: &'b ArrayRef, row: usize) -> Option<Cell<'b>> {
    if array.is_null(row) {
        return Some(Cell::Null);
    }
    Some(match kind {
        ColumnKind::Integer => Cell::Integer(array.as_primitive_opt::<Int64Type>()?.value(row)),
        ColumnKind::Float => Cell::Float(array.as_primitive_opt::<Float64Type>()?.value(row)),
        ColumnKind::Bool => Cell::Bool(array.as_boolean_opt()?.value(row)),
        ColumnKind::Text => Cell::Text(array.as_string_opt::<i32>()?.value(row).into()),
        ColumnKind::Timestamp => {
            let times = array.as_primitive_opt::<TimestampMicrosecondType>()?;
            Cell::Timestamp(times.value_as_datetime(row)?)
        }
    })
}
