// The query of a request: percent-decoded names and values in the order sent. Reading a value of
// the wrong form notes a fault under the pointer "query:NAME".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json/fields.h"

namespace phoenix {

// %XX decoded; nullopt for a broken escape, or if the result is not UTF-8 or holds a NUL. A plus
// sign stays one: it is a character of media types and of times.
std::optional<std::string> percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);

class Query {
 public:
  // At most 1,000 parameters. Names not in `known` are faults; a name that ends with "..." in
  // `known` may stand several times, others once.
  static Result<Query> parse(std::string_view text, const std::vector<std::string_view>& known);

  const std::string* find(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  // Values split at commas, empty parts dropped.
  std::vector<std::string> list(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name, int64_t least, int64_t most,
                                 json::Faults& faults) const;
  bool flag(std::string_view name, json::Faults& faults) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

// "k=v" of each `label` parameter.
std::vector<std::pair<std::string, std::string>> query_labels(const Query& query,
                                                              json::Faults& faults);
// The `requires` parameters, sorted and unique.
std::vector<std::string> query_capabilities(const Query& query, std::string_view name,
                                            json::Faults& faults);

}  // namespace phoenix
