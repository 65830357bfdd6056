// The contract of a run in which members sign: two texts that take each other's place, so that an
// offer made under the one may be accepted under the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/command.h"

namespace phoenix::sim {

inline constexpr const char* kTermsName = "terms";

// Of packets that require "a": what their receiver has to be trusted with, in thousandths.
struct SimTerms {
  std::string_view text;
  uint32_t trust;
};
inline constexpr SimTerms kTerms[] = {
    {R"({"appliesTo":{"capabilities":["a"]},"minimumTrustScore":0.35})", 350},
    {R"({"appliesTo":{"capabilities":["a"]},"minimumTrustScore":0.7})", 700},
};

inline ApplyDocuments lay_down(const SimTerms& terms) {
  ApplyDocuments wanted;
  wanted.ns = "default";
  wanted.items.push_back(
      {DocumentKind::kContract, kTermsName, std::string(terms.text), std::nullopt});
  return wanted;
}

// Those of the documents in force; nothing: they are not laid down yet.
inline const SimTerms* terms_among(const std::vector<DocumentPtr>& contracts) {
  for (const DocumentPtr& document : contracts) {
    if (document->key.name != kTermsName) continue;
    for (const SimTerms& terms : kTerms) {
      if (document->text == terms.text) return &terms;
    }
  }
  return nullptr;
}

}  // namespace phoenix::sim
