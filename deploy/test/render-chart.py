"""Renders the chart once for each set of values in the JSON list on stdin; writes each rendering, or its error, as JSON."""

import json
import sys

import helm_python

with helm_python.Chart.load(sys.argv[1]) as chart:

    def render(values):
        try:
            chart.validate_schema(values)
            return {"files": chart.render(values, name="maskline", namespace="maskline")}
        except helm_python.HelmError as error:
            return {"error": str(error)}

    json.dump([render(values) for values in json.load(sys.stdin)], sys.stdout)
