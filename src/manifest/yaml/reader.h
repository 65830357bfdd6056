// YAML text to trees, strictly. On top of what YAML itself forbids it refuses: keys that stand
// twice or are no text, tags, tabs in the indentation, an alias of what it is part of, text that is
// not UTF-8, and what is larger than the bounds below. Every fault of a file is told, up to the
// first one of syntax: what stands behind that has no certain meaning.
//
// Aliases are copied where they stand, within the bound on nodes, so no few lines unfold to many.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/yaml/node.h"

namespace phoenix::manifest {

struct YamlBounds {
  size_t bytes = 8 * 1024 * 1024;
  size_t nodes = 1'000'000;    // of a file, keys included; as many again within its anchors
  size_t copied = 100'000;     // of these, by aliases
  size_t documents = 100'000;  // of a file
  int depth = 64;              // lists and mappings within each other
  size_t findings = 1'000;     // of a file; what follows is counted and not told
};

struct YamlFile {
  std::vector<Node> documents;  // what is broken is left out; may be less than the file holds
  Findings findings;
};

// `name` is what complaints call the file. Throws nothing, whatever the bytes are.
YamlFile read_yaml(std::string_view text, const std::string& name, const YamlBounds& bounds = {});

}  // namespace phoenix::manifest
