#include "lineage/audit/verifier.h"

#include <algorithm>
#include <set>

#include "lineage/crypto/sha256.h"

namespace phoenix::lineage {
namespace {

// A checkpoint stands in no log.
constexpr uint32_t kNoLog = UINT32_MAX;

std::string log_name(uint32_t log) { return "log " + std::to_string(log); }

}  // namespace

class AuditVerifier::Impl {
 public:
  Impl(std::string pool, const std::vector<NamedKey>& trusted, std::vector<std::string> envelopes,
       std::vector<Checkpoint> given)
      : keys_(pool, trusted), legs_(pool, keys_), drains_(pool, keys_) {
    report_.pool = std::move(pool);
    for (size_t i = 0; i < given.size(); ++i) {
      given_.push_back({std::move(envelopes[i]), std::move(given[i]), std::nullopt, 0});
    }
  }

  bool line(std::string_view text) {
    if (report_.fault) return false;
    ++report_.line;
    if (report_.line == 1) {
      if (text != kExportHeader) say("bad-line", "this is no export: it does not begin as one");
      return !report_.fault;
    }
    const std::optional<Line> line = parse_line(text);
    if (!line) {
      say("bad-line", "no line of an export, or not in its one form");
    } else {
      take(*line);
    }
    return !report_.fault;
  }

  AuditReport finish(bool complete) {
    if (!report_.fault) finish_blocks(complete);
    if (!report_.fault) finish_given();
    if (!report_.fault) report_.fault = chains_.finish(!prefixes_.empty(), report_.packets);
    if (!report_.fault) report_.fault = drains_.finish(chains_);
    report_.signatures = legs_.counts();
    report_.certificates = drains_.certificates();
    report_.certificates_unproved = drains_.unproved();
    report_.logs = logs_.size();
    for (const auto& [log, state] : logs_) {
      uint64_t known = 0;
      for (const Given& given : given_) known = std::max(known, size_in(given.said, log));
      report_.after += state.size() - std::min(known, state.size());
    }
    return std::move(report_);
  }

 private:
  struct Given {
    std::string envelope;
    Checkpoint said;
    std::optional<uint64_t> covered;  // by which checkpoint of the export
    size_t met = 0;                   // how many of its logs came to its sizes and roots
  };
  // What a checkpoint tells of one log and is yet to be read.
  struct Growth {
    uint32_t log = 0;
    uint64_t first = 0;
    uint64_t count = 0;
    Digest root{};
    std::vector<Digest> hashes;
  };
  struct Later {
    Entry entry;
    Place place;
  };

  void say(std::string code, std::string detail, std::optional<Place> place = {}) {
    report_.fault = Fault{std::move(code), std::move(detail), place};
  }
  static uint64_t size_in(const Checkpoint& checkpoint, uint32_t log) {
    for (const LogRoot& root : checkpoint.logs) {
      if (root.log == log) return root.size;
    }
    return 0;
  }
  Place here(const Growth& growth, uint64_t offset) const {
    return {growth.log, growth.first + offset, report_.checkpoints - 1};
  }

  void take(const Line& line) {
    const bool opening = report_.checkpoints == 0;
    switch (line.kind) {
      case LineKind::kPrefix:
      case LineKind::kKept:
      case LineKind::kGrant:
        if (!opening) return say("bad-line", "what opens an export stands behind a checkpoint");
        return take_opening(line);
      case LineKind::kCheckpoint:
        return take_checkpoint(line.bytes);
      case LineKind::kHashes:
        return take_hashes(line.bytes);
      case LineKind::kEntry:
        return take_entry(line.bytes);
    }
  }

  void take_opening(const Line& line) {
    constexpr std::string_view kOrder = "pkg";
    const auto rank = [&](LineKind kind) { return kOrder.find(static_cast<char>(kind)); };
    if (last_opening_ &&
        (rank(line.kind) < rank(last_opening_->kind) ||
         (line.kind == last_opening_->kind && line.bytes <= last_opening_->bytes))) {
      return say("bad-line", "the lines that open an export are out of their order");
    }
    last_opening_ = line;
    if (line.kind == LineKind::kPrefix) return take_prefix(line.bytes);
    if (line.kind == LineKind::kKept) return take_kept(line.bytes);
    const auto grant = keys_.grant(line.bytes);
    if (!grant) return say("bad-grant", grant.error().detail);
    unused_grants_.insert(*grant);
  }

  void take_prefix(const std::string& bytes) {
    auto prefix = decode_prefix(bytes);
    if (!prefix) return say("bad-line", prefix.error().detail);
    if (prefixes_.count(prefix->log) != 0) return say("bad-line", "a log that begins twice");
    logs_[prefix->log] = prefix->until;
    meet(prefix->log);
    prefixes_[prefix->log] = std::move(prefix->until);
  }

  void take_kept(const std::string& bytes) {
    const auto kept = decode_kept(bytes);
    if (!kept) return say("bad-line", kept.error().detail);
    const auto prefix = prefixes_.find(kept->log);
    const Place place{kept->log, kept->position, 0};
    if (prefix == prefixes_.end() ||
        !verify_inclusion(leaf_hash(kept->entry), kept->position, prefix->second.size(), kept->path,
                          prefix->second.root())) {
      return say("wrong-proof", "a kept entry is not proved by its log's beginning", place);
    }
    const auto entry = decode<Entry>(kept->entry);
    if (!entry || !entry->key) return say("bad-entry", "a kept entry is no key's", place);
    report_.fault = keys_.apply(*entry, place);
  }

  const PublicKey* host_key(std::string_view key_id, uint64_t checkpoint, std::string& host) {
    const KeyBook::HostKey* const found = keys_.host_key(key_id, {kNoLog, 0, checkpoint});
    if (found == nullptr) return nullptr;
    unused_grants_.erase(std::string(key_id));
    host = found->host;
    return &found->key;
  }

  // The statement of a checkpoint that a host of this pool signed.
  std::optional<Checkpoint> open_checkpoint(std::string_view envelope, uint64_t number,
                                            const std::string& which) {
    std::string host;
    const auto opened = open<Checkpoint>(
        envelope, [&](std::string_view key_id) { return host_key(key_id, number, host); });
    if (!opened) {
      say(opened.error().reason_code, which + ": " + opened.error().detail);
      return std::nullopt;
    }
    if (opened->statement.pool != report_.pool || opened->statement.host != host) {
      say("wrong-checkpoint", which + " is by host " + opened->statement.host + " of pool " +
                                  opened->statement.pool + ", signed by a key of host " + host +
                                  " of pool " + report_.pool);
      return std::nullopt;
    }
    return opened->statement;
  }

  void take_checkpoint(const std::string& envelope) {
    if (!block_complete()) return;
    if (report_.checkpoints == 0) report_.fault = keys_.settle();
    if (report_.fault) return;
    const auto checkpoint =
        open_checkpoint(envelope, report_.checkpoints,
                        "checkpoint " + std::to_string(report_.checkpoints + 1) + " of the export");
    if (!checkpoint) return;
    ++report_.checkpoints;
    uint64_t grown = 0;
    for (const LogRoot& log : checkpoint->logs) {
      Frontier& known = logs_[log.log];
      if (log.size < known.size()) return say("fork", shrunk(log.log, known.size(), log.size));
      if (log.size == known.size()) {
        if (log.root != known.root()) return say("wrong-root", wrong_root(log.log, 0, log.size));
        continue;
      }
      growths_.push_back({log.log, known.size(), log.size - known.size(), log.root, {}});
      grown += log.size - known.size();
      if (grown > kMaxNewEntries) {
        return say("wrong-checkpoint", "more than " + std::to_string(kMaxNewEntries) +
                                           " entries between two checkpoints");
      }
    }
    for (const auto& [log, known] : logs_) {
      if (size_in(*checkpoint, log) == 0) return say("fork", shrunk(log, known.size(), 0));
    }
    if (grown == 0) say("wrong-checkpoint", "nothing is new under this checkpoint");
  }

  static std::string shrunk(uint32_t log, uint64_t before, uint64_t now) {
    return log_name(log) + " had " + std::to_string(before) +
           " entries, and a later checkpoint knows of " + std::to_string(now);
  }
  static std::string wrong_root(uint32_t log, uint64_t first, uint64_t size) {
    return "the leaf hashes of " + log_name(log) + ", entries " + std::to_string(first + 1) +
           " to " + std::to_string(size) + ", do not give the root that the checkpoint signs";
  }

  // Compares with the given checkpoints that name exactly this size of the log.
  void meet(uint32_t log) {
    const Frontier& known = logs_[log];
    for (Given& given : given_) {
      if (report_.fault || size_in(given.said, log) != known.size()) continue;
      const auto it = std::find_if(given.said.logs.begin(), given.said.logs.end(),
                                   [log](const LogRoot& root) { return root.log == log; });
      if (it->root != known.root()) {
        return say("fork", "the given checkpoint by host " + given.said.host + " has another " +
                               log_name(log) + " of " + std::to_string(known.size()) +
                               " entries than this export");
      }
      if (++given.met == given.said.logs.size()) {
        given.covered = std::max<uint64_t>(report_.checkpoints, 1) - 1;
      }
    }
  }
  // The next size at which a given checkpoint speaks of this log.
  uint64_t next_meeting(uint32_t log, uint64_t size) const {
    uint64_t next = UINT64_MAX;
    for (const Given& given : given_) {
      const uint64_t at = size_in(given.said, log);
      if (at > size) next = std::min(next, at);
    }
    return next;
  }

  void take_hashes(const std::string& bytes) {
    if (hashed_ >= growths_.size()) return say("bad-line", "leaf hashes that no checkpoint knows");
    Growth& growth = growths_[hashed_];
    const uint64_t known = growth.hashes.size();
    const uint64_t wanted = std::min<uint64_t>(growth.count - known, kHashesPerLine);
    if (bytes.size() != 32 * wanted) {
      return say("missing",
                 log_name(growth.log) + " has " + std::to_string(growth.count) +
                     " new entries by the checkpoint and " +
                     std::to_string(known + bytes.size() / 32) + " by its leaf hashes",
                 here(growth, std::min<uint64_t>(known + bytes.size() / 32, growth.count - 1)));
    }
    Frontier& tree = logs_[growth.log];
    uint64_t meeting = next_meeting(growth.log, tree.size());
    growth.hashes.resize(known + wanted);
    for (size_t i = 0; i < wanted; ++i) {
      Digest& hash = growth.hashes[known + i];
      std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(32 * i), 32, hash.begin());
      tree.append(hash);
      if (tree.size() != meeting) continue;
      meetings_.emplace_back(growth.log, tree);
      meeting = next_meeting(growth.log, tree.size());
    }
    if (growth.hashes.size() < growth.count) return;
    ++hashed_;
    if (tree.root() != growth.root) {
      return say("wrong-root", wrong_root(growth.log, growth.first, tree.size()), here(growth, 0));
    }
    // Only hashes that a checkpoint proves are compared with the given one.
    for (const auto& [log, then] : meetings_) meet_at(log, then);
    meetings_.clear();
  }

  void meet_at(uint32_t log, const Frontier& then) {
    Frontier now = std::exchange(logs_[log], then);
    meet(log);
    logs_[log] = std::move(now);
  }

  // Whether all that the last checkpoint promised has been read.
  bool block_complete() {
    if (growths_.empty()) return true;
    const Growth& growth = growths_[std::min(read_, growths_.size() - 1)];
    say("missing",
        "the export goes on without what the checkpoint knows of " + log_name(growth.log),
        here(growth, std::min(offset_, growth.count - 1)));
    return false;
  }

  void take_entry(const std::string& bytes) {
    if (growths_.empty()) return say("bad-line", "an entry that no checkpoint knows");
    if (hashed_ < growths_.size()) {
      return say("missing",
                 "the leaf hashes of " + log_name(growths_[hashed_].log) + " are missing",
                 here(growths_[hashed_], 0));
    }
    const Growth& growth = growths_[read_];
    const Place place = here(growth, offset_);
    const Digest& hash = growth.hashes[offset_];
    if (leaf_hash(bytes) != hash) {
      return say("altered", "another entry was logged here than the one that stands here", place);
    }
    ++report_.entries;
    check_entry(bytes, hash, place);
    if (++offset_ == growth.count) {
      offset_ = 0;
      if (++read_ == growths_.size() && !report_.fault) end_block();
    }
  }

  void check_entry(const std::string& bytes, const Digest& hash, const Place& place) {
    auto entry = decode<Entry>(bytes);
    if (!entry) return say("bad-entry", entry.error().detail, place);
    if (entry->key) report_.fault = keys_.apply(*entry, place);
    if (!report_.fault && entry->leg) check_leg(*entry, hash, place);
    if (!report_.fault && !entry->certificate.empty()) {
      later_.push_back({*std::move(entry), place});
    }
  }

  void check_leg(const Entry& entry, const Digest& hash, const Place& place) {
    ++report_.legs;
    report_.fault = chains_.add(entry, hash, place);
    if (!report_.fault && entry.leg->to) report_.fault = drains_.assigned(entry, place);
    if (report_.fault) return;
    bool unknown_key = false;
    report_.fault = legs_.check(entry, place, unknown_key);
    // The entry that names the key may stand in a log that this checkpoint tells of later.
    if (!report_.fault || !unknown_key) return;
    report_.fault.reset();
    later_.push_back({entry, place});
  }

  void end_block() {
    growths_.clear();
    hashed_ = read_ = 0;
    report_.fault = keys_.settle();
    for (const Later& later : later_) {
      if (report_.fault) break;
      bool unknown_key = false;
      report_.fault = later.entry.leg ? legs_.check(later.entry, later.place, unknown_key)
                                      : drains_.certified(later.entry, later.place);
    }
    later_.clear();
  }

  void finish_blocks(bool complete) {
    if (!block_complete()) return;
    if (report_.checkpoints == 0) return say("truncated", "the export has no checkpoint");
    if (!complete) return say("bad-line", "the last line does not end");
    for (const Given& given : given_) {
      for (const LogRoot& root : given.said.logs) {
        const auto known = logs_.find(root.log);
        const uint64_t size = known == logs_.end() ? 0 : known->second.size();
        if (size >= root.size) continue;
        say("truncated",
            log_name(root.log) + " ends at entry " + std::to_string(size) +
                "; the given checkpoint knows of " + std::to_string(root.size),
            Place{root.log, size, report_.checkpoints});
        return;
      }
    }
  }

  void finish_given() {
    for (const Given& given : given_) {
      if (!given.covered) {
        return say("too-old", "the given checkpoint by host " + given.said.host +
                                  " is older than the beginning of this export; take a later one");
      }
      if (!open_checkpoint(given.envelope, *given.covered, "the given checkpoint")) return;
    }
    if (!unused_grants_.empty()) {
      say("unused-grant", "the grant of key " + *unused_grants_.begin() + " serves nothing here");
    }
  }

  KeyBook keys_;
  PacketChains chains_;
  LegCheck legs_;
  DrainBook drains_;
  AuditReport report_;
  std::vector<Given> given_;
  std::optional<Line> last_opening_;
  std::set<std::string> unused_grants_;
  std::map<uint32_t, Frontier> prefixes_;
  std::map<uint32_t, Frontier> logs_;
  std::vector<Growth> growths_;  // of the checkpoint at hand
  size_t hashed_ = 0;            // how many of them have their hashes
  size_t read_ = 0;              // how many have all their entries
  uint64_t offset_ = 0;          // entries read of the next one
  std::vector<std::pair<uint32_t, Frontier>> meetings_;
  std::vector<Later> later_;  // looked at when the block is whole
};

AuditVerifier::AuditVerifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AuditVerifier::AuditVerifier(AuditVerifier&&) noexcept = default;
AuditVerifier& AuditVerifier::operator=(AuditVerifier&&) noexcept = default;
AuditVerifier::~AuditVerifier() = default;

Result<AuditVerifier> AuditVerifier::create(const std::vector<NamedKey>& trusted,
                                            const std::vector<std::string>& checkpoints) {
  std::vector<Checkpoint> given;
  for (const std::string& bytes : checkpoints) {
    const auto envelope = decode_envelope(bytes);
    if (!envelope) return tl::unexpected(envelope.error());
    // What it says chooses the pool; that a host signed it is checked before the end.
    auto checkpoint = decode<Checkpoint>(envelope->payload);
    if (envelope->type != Checkpoint::kType || !checkpoint || checkpoint->logs.empty()) {
      return fail(ErrorKind::kInvalidRequest,
                  "this signed statement is no checkpoint, but of type " + envelope->type);
    }
    if (!given.empty() && given[0].pool != checkpoint->pool) {
      return fail(ErrorKind::kInvalidRequest,
                  "the checkpoints are of the pools " + given[0].pool + " and " + checkpoint->pool);
    }
    given.push_back(*std::move(checkpoint));
  }
  if (given.empty()) return fail(ErrorKind::kInvalidRequest, "no checkpoint is given");
  std::string pool = given[0].pool;
  return AuditVerifier(
      std::make_unique<Impl>(std::move(pool), trusted, checkpoints, std::move(given)));
}

bool AuditVerifier::line(std::string_view text) { return impl_->line(text); }
AuditReport AuditVerifier::finish(bool complete) { return impl_->finish(complete); }

Result<AuditReport> verify_export(std::string_view text, const std::vector<NamedKey>& trusted,
                                  const std::vector<std::string>& checkpoints) {
  auto verifier = AuditVerifier::create(trusted, checkpoints);
  if (!verifier) return tl::unexpected(verifier.error());
  bool complete = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    complete = end != std::string_view::npos;
    if (!verifier->line(text.substr(0, end))) break;
    text.remove_prefix(complete ? end + 1 : text.size());
  }
  return verifier->finish(complete);
}

}  // namespace phoenix::lineage
