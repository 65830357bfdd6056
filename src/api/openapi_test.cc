// The document and the table of routes name the same calls, with the same parameters.
#include "api/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "api/router.h"
#include "base/json/json.h"

namespace phoenix {
namespace {

using Calls = std::map<std::string, std::set<std::string>>;  // "GET /livez" -> query parameters

// The part of the document that "#/components/parameters/limit" means, or the value itself.
json::Value follow(const json::Document& document, json::Value value) {
  const auto reference = value.find("$ref");
  if (!reference) return value;
  const std::string path = reference->string().substr(2);
  value = document.root();
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    value = value.find(path.substr(at, end - at)).value();
    at = end + 1;
  }
  return value;
}

Calls described(const json::Document& document) {
  Calls calls;
  auto paths = document.root().find("paths").value().children();
  while (!paths.done()) {
    const std::string path = paths.take().string();
    auto operations = paths.take().children();
    while (!operations.done()) {
      std::string method = operations.take().string();
      std::transform(method.begin(), method.end(), method.begin(),
                     [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
      auto& known = calls[method + " " + path];
      const auto list = operations.take().find("parameters");
      if (!list) continue;
      auto parameters = list->children();
      while (!parameters.done()) {
        const auto parameter = follow(document, parameters.take());
        if (parameter.find("in")->string() == "query") {
          known.insert(parameter.find("name")->string());
        }
      }
    }
  }
  return calls;
}

Calls served() {
  Calls calls;
  const Router router = make_router();
  for (const Route& route : router.routes()) {
    auto& known = calls[std::string(route.method) + " " + std::string(route.pattern)];
    known.insert("namespace");
    for (std::string_view name : route.query) {
      if (name.ends_with("...")) name.remove_suffix(3);
      known.emplace(name);
    }
  }
  return calls;
}

std::string nameless(const std::string& call) {
  std::string out;
  bool inside = false;
  for (const char c : call) {
    if (c == '}') inside = false;
    if (!inside) out += c;
    if (c == '{') inside = true;
  }
  return out;
}

Calls nameless(const Calls& calls) {
  Calls out;
  for (const auto& [call, parameters] : calls) out[nameless(call)] = parameters;
  return out;
}

TEST(OpenApi, DescribesEveryRouteAndItsParameters) {
  const auto document = json::Document::parse(openapi_json());
  ASSERT_TRUE(document) << document.error().detail;
  const Calls in_document = nameless(described(*document));
  const Calls in_table = nameless(served());
  for (const auto& [call, parameters] : in_table) {
    ASSERT_TRUE(in_document.contains(call)) << call << " is served and not described";
    EXPECT_EQ(in_document.at(call), parameters) << call;
  }
  EXPECT_EQ(in_document.size(), in_table.size()) << "something is described and not served";
}

}  // namespace
}  // namespace phoenix
