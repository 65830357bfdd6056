// Any bytes as an export: none may harm the reader, none is accepted, and each part of one has one
// form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lineage/audit/pruned_log.h"
#include "lineage/audit/test_pool.h"
#include "lineage/audit/verifier.h"

namespace lineage = phoenix::lineage;

namespace {

struct Known {
  std::vector<lineage::NamedKey> keys;
  std::string checkpoint;
  std::string text;
};

const Known& known() {
  static const Known kKnown = [] {
    lineage::TestPool pool;
    const std::string checkpoint = lineage::fill(pool).back();
    return Known{pool.roots(), checkpoint, pool.text()};
  }();
  return kKnown;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto report = lineage::verify_export(text, known().keys, {known().checkpoint});
  if (!report || (!report->fault && text != known().text)) std::abort();
  const auto line = lineage::parse_line(text);
  if (line && lineage::export_line(line->kind, line->bytes) != std::string(text) + "\n") {
    std::abort();
  }
  const auto prefix = lineage::decode_prefix(text);
  if (prefix && lineage::encode_prefix(*prefix) != text) std::abort();
  const auto kept = lineage::decode_kept(text);
  if (kept && lineage::encode_kept(*kept) != text) std::abort();
  const auto pruned = lineage::decode_pruned(text);
  if (pruned && lineage::encode_pruned(*pruned) != text) std::abort();
  // And as keys, which are files from elsewhere too.
  const auto key = lineage::parse_public(text);
  if (key && lineage::render_public(*key) != text) std::abort();
  const auto secret = lineage::parse_secret(text);
  if (secret && lineage::render_secret(*secret) != text) std::abort();
  return 0;
}
