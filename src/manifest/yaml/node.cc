#include "manifest/yaml/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace phoenix::manifest {
namespace {

constexpr size_t kShownBytes = 40;

}  // namespace

std::string Place::text() const {
  const std::string& name = file == nullptr ? std::string() : *file;
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

const Node* Node::find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text == key) return &items[i];
  }
  return nullptr;
}

std::string Finding::text() const {
  std::string out = place.text();
  if (!path.empty()) out += ": " + path;
  if (!value.empty()) out += ": " + value;
  return out + ": " + detail;
}

Node sorted(const Node& node) {
  Node out = node;
  if (node.is_map()) {
    std::vector<size_t> order(node.keys.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return node.keys[a].text < node.keys[b].text; });
    for (size_t i = 0; i < order.size(); ++i) {
      out.keys[i] = node.keys[order[i]];
      out.items[i] = sorted(node.items[order[i]]);
    }
    return out;
  }
  for (Node& item : out.items) item = sorted(item);
  return out;
}

bool has_errors(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.is_error(); });
}

void sort_findings(Findings& findings) {
  std::map<std::string, size_t> order;
  for (const Finding& finding : findings) {
    if (finding.place.file != nullptr) order.emplace(*finding.place.file, order.size());
  }
  // The last number keeps those of one place as they came.
  std::vector<std::tuple<size_t, int, int, size_t>> ranks;
  for (const Finding& finding : findings) {
    const size_t file = finding.place.file == nullptr ? 0 : order.at(*finding.place.file);
    ranks.emplace_back(file, finding.place.line, finding.place.column, ranks.size());
  }
  std::sort(ranks.begin(), ranks.end());
  Findings sorted;
  for (const auto& rank : ranks) sorted.push_back(std::move(findings[std::get<3>(rank)]));
  findings = std::move(sorted);
}

std::string shown(const Node& node) {
  if (node.is_map()) return "a mapping";
  if (node.is_list()) return "a list";
  if (node.is_null()) return "nothing";
  std::string out;
  for (const char c : node.text) {
    // Not in the middle of a character of several bytes.
    if (out.size() >= kShownBytes && (static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      return "\"" + out + "…\"";
    }
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  }
  return "\"" + out + "\"";
}

}  // namespace phoenix::manifest
