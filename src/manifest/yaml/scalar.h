// What the text of a scalar stands for. Plain text is read by the core schema of YAML 1.2; where
// YAML 1.1, which the original's parser follows, reads the same text otherwise, the scalar says so:
// `yes` is true there and text here, `010` is eight there and ten here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "manifest/yaml/node.h"

namespace phoenix::manifest {

// Of "<<", which only YAML 1.1 has.
inline constexpr const char* kMergeKey = "merge keys are not read: write the keys themselves";

enum class YamlVersion : uint8_t { k11, k12 };

struct Scalar {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kReal, kText };

  Kind kind = Kind::kText;
  bool truth = false;
  int64_t integer = 0;     // also of a real without a fraction, within ±2^53
  double real = 0;         // of both kinds of numbers; may be infinite or no number
  bool ambiguous = false;  // YAML 1.1 and 1.2 read it differently

  bool is_number() const { return kind == Kind::kInteger || kind == Kind::kReal; }
};

// Requires: node.is_scalar().
Scalar read_scalar(const Node& node, YamlVersion version);

// What an ambiguous scalar is taken for and how to write what is meant, for a finding.
std::string ambiguity(const Node& node, YamlVersion version);

// The whole tree as JSON on one line, keys in the order of the file. A number that JSON cannot
// write (.inf, .nan) is a finding, at `path` and below, as is each ambiguous scalar: an error in
// YAML 1.2, a warning in 1.1.
std::string to_json(const Node& node, YamlVersion version, const std::string& path,
                    Findings* findings);

// `text` as a JSON string with its quotes.
std::string quote(std::string_view text);

}  // namespace phoenix::manifest
