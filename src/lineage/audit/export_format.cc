#include "lineage/audit/export_format.h"

#include <algorithm>

#include "base/bytes_text.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/fields.h"

namespace phoenix::lineage {
namespace {

void put_hashes(MsgpackWriter& out, std::span<const Digest> hashes) {
  out.array(static_cast<uint32_t>(hashes.size()));
  for (const Digest& hash : hashes) out.digest(hash);
}

std::vector<Digest> take_hashes(MsgpackReader& in) {
  const uint32_t size = in.array();
  if (size > kMaxProof) in.reject();
  std::vector<Digest> hashes;
  for (uint32_t i = 0; i < size && in.ok(); ++i) hashes.push_back(in.digest());
  return hashes;
}

}  // namespace

std::string encode_prefix(const LogPrefix& prefix) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(4);
  out.uint(fields::kVersion);
  out.uint(prefix.log);
  out.uint(prefix.until.size());
  put_hashes(out, prefix.until.peaks());
  return bytes;
}

Result<LogPrefix> decode_prefix(std::string_view bytes) {
  MsgpackReader in(bytes);
  LogPrefix prefix;
  fields::take_head(in, 4);
  prefix.log = static_cast<uint32_t>(in.uint(UINT32_MAX));
  const uint64_t size = in.uint();
  if (!prefix.until.restore(size, take_hashes(in)) || size == 0) in.reject();
  if (!in.at_end()) return fields::bad_form("beginning of a log", bytes.size());
  return prefix;
}

std::string encode_kept(const KeptEntry& kept) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(fields::kVersion);
  out.uint(kept.log);
  out.uint(kept.position);
  out.bin(kept.entry);
  put_hashes(out, kept.path);
  return bytes;
}

Result<KeptEntry> decode_kept(std::string_view bytes) {
  MsgpackReader in(bytes);
  KeptEntry kept;
  fields::take_head(in, 5);
  kept.log = static_cast<uint32_t>(in.uint(UINT32_MAX));
  kept.position = in.uint();
  kept.entry = in.bin();
  kept.path = take_hashes(in);
  if (!in.at_end()) return fields::bad_form("kept entry", bytes.size());
  return kept;
}

std::string export_line(LineKind kind, std::string_view bytes) {
  std::string line;
  line.reserve(4 + (bytes.size() + 2) / 3 * 4);
  line.append(1, static_cast<char>(kind)).append(1, ' ');
  line.append(base64_text(bytes)).append(1, '\n');
  return line;
}

std::string export_hashes(std::span<const Digest> leaves) {
  std::string lines;
  while (!leaves.empty()) {
    const auto part = leaves.first(std::min(leaves.size(), kHashesPerLine));
    std::string bytes;
    bytes.reserve(32 * part.size());
    for (const Digest& leaf : part) bytes.append(bytes_of(leaf));
    lines += export_line(LineKind::kHashes, bytes);
    leaves = leaves.subspan(part.size());
  }
  return lines;
}

void ExportBlock::begin_log() { leaves_.emplace_back(); }

void ExportBlock::add(std::string_view entry) {
  leaves_.back().push_back(leaf_hash(entry));
  entries_ += export_line(LineKind::kEntry, entry);
}

std::string ExportBlock::text(std::string_view checkpoint) const {
  std::string text = export_line(LineKind::kCheckpoint, checkpoint);
  for (const std::vector<Digest>& leaves : leaves_) text += export_hashes(leaves);
  return text + entries_;
}

std::optional<Line> parse_line(std::string_view text) {
  constexpr std::string_view kKinds = "pkgche";
  if (text.size() < 3 || text.size() > kMaxLineBytes || text[1] != ' ' ||
      kKinds.find(text[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  auto bytes = base64_bytes(text.substr(2));
  if (!bytes || bytes->empty()) return std::nullopt;
  return Line{static_cast<LineKind>(text[0]), *std::move(bytes)};
}

}  // namespace phoenix::lineage
