"""The least that a tap on the Singer SDK has to do for the customers of some days.

One request after another, as the SDK does it; a day ends with a page that is not full.
"""

import json
from datetime import date, timedelta
from pathlib import Path

from singer_sdk import Tap
from singer_sdk import typing as th
from singer_sdk.pagination import BaseAPIPaginator
from singer_sdk.streams import RESTStream

SEARCH = "/ms/customer-search/customer-search/api/v1"
LIMIT = 500


class Pages(BaseAPIPaginator):
    """The pages of all days: a day, and an offset."""

    def __init__(self, first, last):
        super().__init__((first, 0))
        self.last = last

    def continue_if_empty(self, response):
        return True

    def get_next(self, response):
        day, offset = self.current_value
        if len(response.json()["message"]) == LIMIT:
            return day, offset + LIMIT
        return (day + timedelta(days=1), 0) if day < self.last else None


class Customers(RESTStream):
    name = "customers"
    path = SEARCH
    http_method = "POST"
    records_jsonpath = "$.message[*]"
    primary_keys = ("id",)

    @property
    def url_base(self):
        return self.config["base_url"]

    @property
    def http_headers(self):
        return {"Authorization": f"Basic {self.config['token']}"}

    def get_new_paginator(self):
        days = (self.config["start_date"], self.config["end_date"])
        return Pages(*map(date.fromisoformat, days))

    def prepare_request_payload(self, context, next_page_token):
        day, offset = next_page_token
        return {
            "cm_id": self.config["cm_id"],
            "createStartDate": str(day),
            "createEndDate": str(day),
            "limit": str(LIMIT),
            "offset": str(offset),
        }


class Peer(Tap):
    name = "tap-peer"
    config_jsonschema = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True),
        th.Property("cm_id", th.IntegerType, required=True),
        th.Property("token", th.StringType, required=True, secret=True),
        th.Property("start_date", th.StringType, required=True),
        th.Property("end_date", th.StringType, required=True),
        th.Property("schema", th.StringType, required=True),
    ).to_dict()

    def discover_streams(self):
        schema = json.loads(Path(self.config["schema"]).read_text())
        return [Customers(self, schema=schema)]


if __name__ == "__main__":
    Peer.cli()
