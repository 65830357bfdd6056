// For tests and benches: the ways in which somebody with write access to a store or an export could
// alter an exported log, each in as many variants as there are numbers. All of them must be found.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "lineage/audit/export_format.h"
#include "lineage/audit/test_pool.h"

namespace phoenix::lineage {

enum class Mutation : uint8_t {
  kFlipEntryBit,     // in an entry, its text made anew
  kFlipCharacter,    // anywhere in the file
  kDeleteEntry,      // a line
  kDeleteWithHash,   // an entry and its leaf hash
  kSwapEntries,      // two lines
  kSwapWithHashes,   // two entries of a log, and their hashes
  kTruncate,         // anywhere
  kDropLastBlock,    // the last checkpoint and all under it
  kSplice,           // an entry of another log, with its hash
  kRepeatEntry,      // a line twice
  kSwapActor,        // who did it, or approved it, is another, with the hash made anew
  kSwapDigest,       // another context, policy or result, with the hash made anew
  kForgeCheckpoint,  // a whole history made anew under the old signature
  kFork,             // a whole history made anew and signed by the host itself
};
inline constexpr int kMutations = 14;

// An export as lines, with what stands where.
class MutableExport {
 public:
  explicit MutableExport(const std::string& text) : text_(text) {
    for (std::string_view rest = text_; !rest.empty();) {
      const size_t end = rest.find('\n');
      lines_.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    for (size_t i = 1; i < lines_.size(); ++i) {
      const auto line = parse_line(lines_[i]);
      if (line->kind == LineKind::kEntry) place_entry(i);
      if (line->kind == LineKind::kHashes) add_hashes(i, line->bytes.size() / 32);
      if (line->kind == LineKind::kCheckpoint) begin_block(i);
    }
  }

  // Another text than before, or nothing where this variant changes nothing.
  std::optional<std::string> mutate(Mutation mutation, Prng& random) const {
    std::vector<std::string> lines = lines_;
    bool whole_text = false;
    std::string text = text_;
    switch (mutation) {
      case Mutation::kFlipEntryBit: {
        const Spot& spot = any_spot(random);
        std::string bytes = bytes_of_line(lines[spot.line]);
        bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
        lines[spot.line] = line_of(LineKind::kEntry, bytes);
        break;
      }
      case Mutation::kFlipCharacter:
        whole_text = true;
        text[random.below(text.size())] ^= static_cast<char>(1 << random.below(8));
        break;
      case Mutation::kTruncate:
        whole_text = true;
        text.resize(random.below(text.size()));
        break;
      default:
        mutate_lines(mutation, random, lines);
    }
    if (!whole_text) text = joined(lines);
    if (text == text_) return std::nullopt;
    return text;
  }

 private:
  struct Spot {
    size_t line = 0;       // of the entry
    size_t hash_line = 0;  // of its hashes
    size_t index = 0;      // of its hash there
  };

  void begin_block(size_t line) {
    last_checkpoint_ = line;
    hash_lines_.clear();
    next_hashes_ = next_index_ = 0;
  }
  void add_hashes(size_t line, size_t count) { hash_lines_.emplace_back(line, count); }
  void place_entry(size_t line) {
    if (next_index_ == hash_lines_[next_hashes_].second) {
      ++next_hashes_;
      next_index_ = 0;
    }
    spots_.push_back({line, hash_lines_[next_hashes_].first, next_index_++});
  }

  static std::string bytes_of_line(const std::string& line) { return parse_line(line)->bytes; }
  static std::string line_of(LineKind kind, std::string_view bytes) {
    std::string line = export_line(kind, bytes);
    line.pop_back();
    return line;
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
      if (!line.empty()) text += line + "\n";
    }
    return text;
  }
  const Spot& any_spot(Prng& random) const { return spots_[random.below(spots_.size())]; }

  // Puts other bytes in an entry's place and makes its leaf hash fit.
  static void replace(std::vector<std::string>& lines, const Spot& spot, const std::string& bytes) {
    lines[spot.line] = line_of(LineKind::kEntry, bytes);
    std::string hashes = bytes_of_line(lines[spot.hash_line]);
    hashes.replace(32 * spot.index, 32, bytes_of(leaf_hash(bytes)));
    lines[spot.hash_line] = line_of(LineKind::kHashes, hashes);
  }

  // All of the chosen block and what follows it is signed anew: by `signer`, or by the old
  // signature where there is none.
  void forge(std::vector<std::string>& lines, const KeyPair* signer) const {
    std::map<uint32_t, Frontier> trees;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].empty() || lines[i][0] != 'c') continue;
      auto envelope = decode_envelope(bytes_of_line(lines[i]));
      auto said = decode<Checkpoint>(envelope->payload);
      size_t hashes = i + 1;
      for (LogRoot& root : said->logs) {
        Frontier& tree = trees[root.log];
        if (tree.size() < root.size) {
          const std::string leaves = bytes_of_line(lines[hashes++]);
          for (size_t at = 0; at < leaves.size(); at += 32) {
            Digest leaf;
            std::copy_n(leaves.begin() + static_cast<ptrdiff_t>(at), 32, leaf.begin());
            tree.append(leaf);
          }
        }
        root.root = tree.root();
      }
      if (signer == nullptr) {
        envelope->payload = encode(*said);
      } else {
        *envelope = seal(test_pair(said->host), Checkpoint::kType, encode(*said));
      }
      lines[i] = line_of(LineKind::kCheckpoint, encode_envelope(*envelope));
    }
  }

  static std::string other_actor(const std::string& bytes, Prng& random) {
    auto entry = decode<Entry>(bytes);
    if (entry->leg && entry->leg->handoff && !entry->leg->handoff->approval.empty() &&
        random.below(2) == 0) {
      auto envelope = decode_envelope(entry->leg->handoff->approval);
      auto approval = decode<Approval>(envelope->payload);
      approval->approver += 'x';
      envelope->payload = encode(*approval);
      entry->leg->handoff->approval = encode_envelope(*envelope);
    } else {
      entry->actor.name += 'x';
    }
    return encode(*entry);
  }

  static std::string other_digest(const std::string& bytes, Prng& random) {
    auto entry = decode<Entry>(bytes);
    Digest* digest = nullptr;
    if (entry->leg) {
      Leg& leg = *entry->leg;
      const uint64_t which = random.below(4);
      digest = which == 0 && leg.context    ? &*leg.context
               : which == 1 && leg.contract ? &*leg.contract
               : which == 2 && leg.terminal ? &*leg.terminal->result
                                            : &*leg.decision;
    } else {
      entry->policy = Digest{};
      digest = &*entry->policy;
    }
    (*digest)[random.below(digest->size())] ^= static_cast<uint8_t>(1 + random.below(255));
    return encode(*entry);
  }

  void mutate_lines(Mutation mutation, Prng& random, std::vector<std::string>& lines) const {
    const Spot& spot = any_spot(random);
    const Spot& other = any_spot(random);
    const std::string bytes = bytes_of_line(lines[spot.line]);
    switch (mutation) {
      case Mutation::kDeleteEntry:
        lines[spot.line].clear();
        break;
      case Mutation::kDeleteWithHash: {
        std::string hashes = bytes_of_line(lines[spot.hash_line]);
        hashes.erase(32 * spot.index, 32);
        lines[spot.line].clear();
        lines[spot.hash_line] = hashes.empty() ? "" : line_of(LineKind::kHashes, hashes);
        break;
      }
      case Mutation::kSwapEntries:
        std::swap(lines[spot.line], lines[other.line]);
        break;
      case Mutation::kSwapWithHashes:
      case Mutation::kSplice: {
        const std::string there = bytes_of_line(lines[other.line]);
        replace(lines, spot, there);
        if (mutation == Mutation::kSwapWithHashes) replace(lines, other, bytes);
        break;
      }
      case Mutation::kDropLastBlock:
        lines.resize(last_checkpoint_ + random.below(3));
        break;
      case Mutation::kRepeatEntry:
        lines.insert(lines.begin() + static_cast<ptrdiff_t>(other.line), lines[spot.line]);
        break;
      case Mutation::kSwapActor:
        replace(lines, spot, other_actor(bytes, random));
        break;
      case Mutation::kForgeCheckpoint:
      case Mutation::kFork: {
        replace(lines, spot, other_actor(bytes, random));
        const KeyPair host = test_pair("h1");
        forge(lines, mutation == Mutation::kFork ? &host : nullptr);
        break;
      }
      default:
        replace(lines, spot, other_digest(bytes, random));
    }
  }

  std::string text_;
  std::vector<std::string> lines_;
  std::vector<Spot> spots_;
  size_t last_checkpoint_ = 0;
  std::vector<std::pair<size_t, size_t>> hash_lines_;  // of the block at hand, with their counts
  size_t next_hashes_ = 0;
  size_t next_index_ = 0;
};

}  // namespace phoenix::lineage
