"""Holds answers against the OpenAPI document that the host serves. Knows the part of JSON Schema
that the document uses, and refuses the rest, so that no rule is passed over in silence."""

import re

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "pattern",
         "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "anyOf", "$ref",
         "format", "description"}
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
         "object": dict, "null": type(None)}


def is_type(value, name):
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[name])


class Schemas:
    def __init__(self, document):
        self.document = document

    def follow(self, schema):
        while "$ref" in schema:
            target = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema

    def faults(self, value, schema, where=""):
        """What is wrong with the value, as a list of sentences."""
        schema = self.follow(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            return [f"{where}: the checker does not know {sorted(unknown)}"]
        if "anyOf" in schema:
            tried = [self.faults(value, choice, where) for choice in schema["anyOf"]]
            return [] if [] in tried else min(tried, key=len)
        found = self.plain_faults(value, schema, where)
        if isinstance(value, dict):
            found += self.object_faults(value, schema, where)
        if isinstance(value, list):
            for index, item in enumerate(value):
                found += self.faults(item, schema.get("items", {}), f"{where}/{index}")
        return found

    @staticmethod
    def plain_faults(value, schema, where):
        found = []
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if types and not any(is_type(value, name) for name in types):
            found.append(f"{where}: {value!r} is not {types}")
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{where}: {value!r} is none of {schema['enum']}")
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            found.append(f"{where}: {value!r} does not match {schema['pattern']}")
        if is_type(value, "number"):
            if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
                found.append(f"{where}: {value!r} is out of range")
        if isinstance(value, (str, list)):
            least = schema.get("minItems" if isinstance(value, list) else "minLength", 0)
            most = schema.get("maxItems" if isinstance(value, list) else "maxLength", len(value))
            if not least <= len(value) <= most:
                found.append(f"{where}: has {len(value)} entries")
        return found

    def object_faults(self, value, schema, where):
        found = [f"{where}/{name} is missing" for name in schema.get("required", [])
                 if name not in value]
        properties = schema.get("properties", {})
        for name, item in value.items():
            if name in properties:
                found += self.faults(item, properties[name], f"{where}/{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}/{name} is not described")
            elif isinstance(schema.get("additionalProperties"), dict):
                found += self.faults(item, schema["additionalProperties"], f"{where}/{name}")
        return found

    def operation(self, method, path):
        """The operation of a request; concrete segments win over parameters."""
        segments = path.split("/")
        best = None
        for pattern, operations in self.document["paths"].items():
            parts = pattern.split("/")
            if len(parts) != len(segments) or method.lower() not in operations:
                continue
            free = [part.startswith("{") for part in parts]
            if all(f or part == segment for f, part, segment in zip(free, parts, segments)):
                if best is None or sum(free) < best[0]:
                    best = (sum(free), operations[method.lower()])
        return best[1] if best else None

    def answer_faults(self, method, path, status, content_type, body):
        operation = self.operation(method, path)
        if operation is None:
            return [] if status in (403, 404, 405, 421, 501) else [f"{path} is not described"]
        key = str(status)
        if key not in operation["responses"] and status >= 400:
            key = "default"
        if key not in operation["responses"]:
            return [f"status {status} is not described"]
        content = self.follow(operation["responses"][key])["content"]
        media = content_type.split(";")[0]
        rule = content.get(media, content.get("*/*"))
        if rule is None:
            return [f"content type {media} is not described"]
        return self.faults(body, rule["schema"]) if "schema" in rule else []
