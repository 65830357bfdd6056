// The export of a pool's logs: text, one line each, that `phoenix audit verify` reads on a machine
// that never saw the pool. Every line is a letter, a space and base64; nothing stands in it that is
// not signed, or bound by what is signed, so any other byte is a fault.
//
//   phoenixflight-audit 1      once
//   p <prefix>                 for each log that begins late: its number, size and peaks until
//   there k <kept entry>             for each key entry in those prefixes that later entries rest
//   on g <envelope of a grant>    for each host key that signs a checkpoint below then for each
//   checkpoint, in the order of time: c <envelope>               the checkpoint h <leaf hashes> for
//   each log that it knows to be longer than before, by log e <entry>                  the entries
//   of those logs, in the order of the hashes
//
// p, k and g stand in the order of their bytes, none twice. A checkpoint under which nothing is new
// is left out. The hashes let a reader say at which entry an alteration stands; they are themselves
// proved by the checkpoint, before any entry is looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lineage/tree/frontier.h"
#include "lineage/tree/proof.h"

namespace phoenix::lineage {

inline constexpr std::string_view kExportHeader = "phoenixflight-audit 1";
inline constexpr size_t kHashesPerLine = 1U << 16;
// Under one checkpoint, over what the one before it covers: their hashes are held in memory.
inline constexpr uint64_t kMaxNewEntries = 1U << 24;
// A line of leaf hashes is the longest.
inline constexpr size_t kMaxLineBytes = kHashesPerLine * 44 + 16;

// A log whose first entries are gone.
struct LogPrefix {
  uint32_t log = 0;
  Frontier until;  // size > 0
  bool operator==(const LogPrefix&) const = default;
};
std::string encode_prefix(const LogPrefix& prefix);
Result<LogPrefix> decode_prefix(std::string_view bytes);

// An entry out of a prefix, with its proof in the tree of that prefix.
struct KeptEntry {
  uint32_t log = 0;
  uint64_t position = 0;
  std::string entry;
  Proof path;
  bool operator==(const KeptEntry&) const = default;
};
std::string encode_kept(const KeptEntry& kept);
Result<KeptEntry> decode_kept(std::string_view bytes);

enum class LineKind : char {
  kPrefix = 'p',
  kKept = 'k',
  kGrant = 'g',
  kCheckpoint = 'c',
  kHashes = 'h',
  kEntry = 'e',
};
struct Line {
  LineKind kind = LineKind::kEntry;
  std::string bytes;
};
// With the line feed.
std::string export_line(LineKind kind, std::string_view bytes);
std::string export_hashes(std::span<const Digest> leaves);

// One checkpoint and all that is new under it, in the order of the form: begin_log() for each log
// that grew, ascending, then its new entries.
class ExportBlock {
 public:
  void begin_log();
  void add(std::string_view entry);
  std::string text(std::string_view checkpoint) const;

 private:
  std::vector<std::vector<Digest>> leaves_;
  std::string entries_;
};

// Without the line feed; nothing if it is no line in its one form.
std::optional<Line> parse_line(std::string_view text);

}  // namespace phoenix::lineage
