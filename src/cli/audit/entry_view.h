// Entries of the flight recorder as programs read them that are no verifiers: as JSON, one a line,
// and as CloudEvents. They are views: what was committed and signed is the entry's bytes, whose
// leaf hash each view names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/digest.h"
#include "cli/json.h"
#include "lineage/form/entry.h"

namespace phoenix::cli {

struct ShownEntry {
  uint32_t log = 0;
  uint64_t position = 0;  // from 1
  lineage::Entry entry;
  Digest leaf{};
};

// "ocr-1#2": of its second life; empty for nobody.
std::string party_text(const std::optional<lineage::Party>& party);
// In words, which rule refused whom; empty of all other entries.
std::string message_of(const lineage::Entry& entry);
Json entry_json(const ShownEntry& shown);
// CloudEvents 1.0, with the entry as its data.
Json cloud_event(const ShownEntry& shown, const std::string& pool);

}  // namespace phoenix::cli
