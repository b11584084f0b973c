//! Decodes a saved answer of the API: `cargo run --example decode [FILE]`.
//!
//! Prints one line of JSON for each customer, with readable dates, then what differs from the
//! vendor's documentation.
//!
//! It depends on `kapture-model` alone.

use std::error::Error;

use kapture_model::bytes::Bytes;
use kapture_model::chrono::Utc;
use kapture_model::{Answer, Normaliser};

const ANSWER: &str = r#"{"message": [
    {"id": 17, "name": "Asha Example", "generationDate": "May 2, 2024 4:15:42 PM", "attr1": "gold",
     "contacts": [{"id": 1, "contactPerson": "Asha Example", "phone": "5550100101"}]},
    {"id": "18", "name": "Ravi Example", "generationDate": 1714646742000, "deleted": "perhaps"}
], "status": "success"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let body: Bytes = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path)?.into(),
        None => ANSWER.into(),
    };
    let records = match Answer::decode(body)? {
        Answer::Customers(records) => records,
        Answer::Failed { message } => return Err(format!("the server refused: {message}").into()),
    };

    let mut normaliser = Normaliser::default();
    for record in &records {
        let mut line = Vec::new();
        normaliser.write(record, &mut line);
        println!("{}", String::from_utf8(line)?);
    }

    // The typed view: values are borrowed, and nothing that the server sent is lost.
    for record in &records {
        let customer = record.customer()?;
        let name = customer.name.value().map_or("(no name)", String::as_str);
        let created = customer.generation_date.get().map(|date| date.local(&Utc));
        let contacts = customer.contacts.value().map_or(0, Vec::len);
        let attribute = customer.extra.get("attr1");
        eprintln!("{name}: created {created:?}, {contacts} contacts, attr1 {attribute:?}");
    }
    Ok(())
}
