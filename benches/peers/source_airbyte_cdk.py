"""The least that a source on the Airbyte CDK has to do for the customers of some days.

One request after another, as the CDK does it; a day ends with a page that is not full.
"""

import json
import sys
from datetime import date, timedelta
from pathlib import Path

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams.http import HttpStream

SEARCH = "/ms/customer-search/customer-search/api/v1"
LIMIT = 500


class Customers(HttpStream):
    name = "customers"
    primary_key = "id"
    http_method = "POST"

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.asked = (date.fromisoformat(config["start_date"]), 0)
        self.last = date.fromisoformat(config["end_date"])

    @property
    def url_base(self):
        return self.config["base_url"]

    def path(self, **_):
        return SEARCH

    def get_json_schema(self):
        return json.loads(Path(self.config["schema"]).read_text())

    def request_headers(self, *_, **__):
        return {"Authorization": f"Basic {self.config['token']}"}

    def request_body_json(self, stream_state, stream_slice=None, next_page_token=None):
        day, offset = self.asked
        return {
            "cm_id": self.config["cm_id"],
            "createStartDate": str(day),
            "createEndDate": str(day),
            "limit": str(LIMIT),
            "offset": str(offset),
        }

    def parse_response(self, response, **_):
        yield from response.json()["message"]

    def next_page_token(self, response):
        day, offset = self.asked
        if len(response.json()["message"]) == LIMIT:
            self.asked = (day, offset + LIMIT)
        elif day < self.last:
            self.asked = (day + timedelta(days=1), 0)
        else:
            return None
        return {"asked": self.asked}


class Peer(AbstractSource):
    def spec(self, *_):
        return ConnectorSpecification(connectionSpecification={"type": "object"})

    def check_connection(self, *_):
        return True, None

    def streams(self, config):
        return [Customers(config)]


if __name__ == "__main__":
    launch(Peer(), sys.argv[1:])
