// A mapping read through the table of its kind: by the table's names, whatever spelling the file
// uses. What is absent, or of the wrong type (check.h has told so), reads as absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/kinds/shape.h"
#include "manifest/yaml/node.h"
#include "manifest/yaml/scalar.h"

namespace phoenix::manifest {

class Fields {
 public:
  // `map` null or no mapping: all is absent. `shape` must be an object and outlive this.
  Fields(const Node* map, const Shape& shape, ApiVersion version)
      : map_(map), shape_(&shape), version_(version) {}

  // Requires, of all: the table has a field of that name.
  const Node* get(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> truth(std::string_view name) const;
  std::optional<int64_t> duration_ms(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;  // of a list; the scalars of it
  std::vector<std::pair<std::string, std::string>> pairs(std::string_view name) const;
  Fields object(std::string_view name) const;
  // The items of a list or the values of a map, of which the table says that they are objects.
  std::vector<Fields> objects(std::string_view name) const;

  // Null where there is none.
  const Node* node() const { return map_; }
  ApiVersion version() const { return version_; }
  YamlVersion yaml() const {
    return version_ == ApiVersion::kAlpha ? YamlVersion::k11 : YamlVersion::k12;
  }

 private:
  bool is_text(const Node& node) const;
  std::optional<Scalar> scalar(std::string_view name) const;

  const Node* map_;
  const Shape* shape_;
  ApiVersion version_;
};

}  // namespace phoenix::manifest
