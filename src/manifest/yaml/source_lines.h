// A YAML file line by line: where the lines of a scalar stand that takes up several of them.
#pragma once

#include <string_view>
#include <vector>

#include "manifest/yaml/node.h"

namespace phoenix::manifest {

class SourceLines {
 public:
  // Requires: `text` outlives this.
  explicit SourceLines(std::string_view text);

  // Empty where it stands in the line that its place says. Of what is written otherwise than it
  // reads, as by escapes, the lines before that.
  std::vector<LineStart> lines_of(const Node& scalar) const;

 private:
  std::string_view line(size_t number) const;  // from 0, without what ends it

  std::string_view text_;
  std::vector<size_t> starts_;
};

}  // namespace phoenix::manifest
