#include "manifest/yaml/merge_keys.h"

#include <utility>

namespace phoenix::manifest {
namespace {

void take_over(const Node& from, Node* into) {
  for (size_t i = 0; i < from.keys.size(); ++i) {
    if (into->find(from.keys[i].text) != nullptr) continue;
    into->keys.push_back(from.keys[i]);
    into->items.push_back(from.items[i]);
  }
}

// Of a list the first that has a key counts.
bool merge(const Node& value, Node* into) {
  if (value.is_map()) {
    take_over(value, into);
    return true;
  }
  if (!value.is_list()) return false;
  for (const Node& each : value.items) {
    if (!each.is_map()) return false;
    take_over(each, into);
  }
  return true;
}

}  // namespace

void merge_keys(Node* node, Findings* findings) {
  for (Node& item : node->items) merge_keys(&item, findings);
  for (size_t i = 0; i < node->keys.size(); ++i) {
    if (!node->keys[i].plain || node->keys[i].text != "<<") continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    const Node value = std::move(node->items[i]);
    node->keys.erase(node->keys.begin() + at);
    node->items.erase(node->items.begin() + at);
    if (!merge(value, node)) {
      findings->push_back({Finding::Weight::kError, value.place, "<<", shown(value),
                           "is no mapping, nor a list of mappings, whose keys could be taken"});
    }
    return;  // a key stands once
  }
}

}  // namespace phoenix::manifest
