// Values within JSON by paths: keys joined by dots. A key that itself has a dot cannot be named.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"

namespace phoenix::policy {

// "customer.address.zip": 1 to 16 keys of 1 to 255 bytes of UTF-8.
bool valid_path(std::string_view path);

// Nothing where a key is absent, or a value on the way is no object. Looks at each key of the
// objects on the way: for small documents.
std::optional<json::Value> at_path(json::Value value, std::string_view path);

// Many paths, found in one pass over a document of any size.
class PathSet {
 public:
  explicit PathSet(const std::vector<std::string>& paths = {});
  // Of each path, in the order given.
  std::vector<std::optional<json::Value>> find(const json::Value& root) const;

 private:
  struct Path {
    std::vector<std::string> keys;
    size_t place = 0;
  };
  using Found = std::vector<std::optional<json::Value>>;
  // Those from `from` to `to` have the first `depth` keys in common, which lead to `object`.
  void walk(const json::Value& object, size_t from, size_t to, size_t depth, Found& found) const;

  std::vector<Path> paths_;  // sorted by their keys
};

}  // namespace phoenix::policy
