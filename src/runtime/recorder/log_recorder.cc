#include "runtime/recorder/log_recorder.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "lineage/form/entry.h"
#include "runtime/clock.h"

namespace phoenix {
namespace {

constexpr uint32_t kRowsAtOnce = 5'000;
constexpr size_t kMaxJobs = 256;
constexpr std::chrono::seconds kSignEvery{1};
constexpr std::chrono::seconds kPruneEvery{5};
constexpr uint64_t kTilesAtOnce = 64;

using lineage::Checkpoint;
using lineage::LogRoot;

}  // namespace

LogRecorder::LogRecorder(EventLoop& loop, Store& store, RecorderOptions options, Keep keep,
                         Broken broken, Prune prune, KeepApart keep_apart)
    : loop_(loop),
      store_(store),
      options_(std::move(options)),
      keep_(std::move(keep)),
      broken_(std::move(broken)),
      prune_(std::move(prune)),
      keep_apart_(std::move(keep_apart)) {
  if (!options_.host.empty()) witness_.emplace(options_.pool, options_.key.name, options_.root);
  thread_ = std::thread([this] { run(); });
}

LogRecorder::~LogRecorder() {
  *alive_ = false;
  end();
}

void LogRecorder::end() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  for (const Job& job : std::exchange(jobs_, {})) job(true);
}

void LogRecorder::on_loop(std::function<void()> what) {
  loop_.post([alive = alive_, what = std::move(what)] {
    if (*alive) what();
  });
}

void LogRecorder::moved() {
  {
    const std::lock_guard lock(mutex_);
    if (moved_) return;
    moved_ = true;
  }
  wake_.notify_one();
}

void LogRecorder::committed(OwnRows rows) {
  const std::lock_guard lock(mutex_);
  if (!stop_) own_rows_.add(std::move(rows));
}

// Runs `work` on the recorder's thread and hands its result to `done` on the loop.
template <class T>
void LogRecorder::ask(std::function<Result<T>()> work, std::function<void(Result<T>)> done) {
  const auto hand = [this, done = std::move(done)](Result<T> result) {
    on_loop([done, result = std::make_shared<Result<T>>(std::move(result))] {
      done(std::move(*result));
    });
  };
  const auto refuse = [hand] { hand(fail(ErrorKind::kDraining, "this life of the host is over")); };
  const std::lock_guard lock(mutex_);
  if (stop_) return refuse();
  if (jobs_.size() >= kMaxJobs) {
    Error error = {.kind = ErrorKind::kOverloaded, .detail = "too many ask the flight recorder"};
    error.retry_after_ms = 1000;
    return hand(tl::unexpected<Error>(std::move(error)));
  }
  jobs_.push_back([work = std::move(work), hand, refuse](bool over) {
    if (over) return refuse();
    hand(work());
  });
  wake_.notify_one();
}

void LogRecorder::checkpoint(std::function<void(Result<SignedCheckpoint>)> done) {
  ask<SignedCheckpoint>([this] { return sign(); }, std::move(done));
}

void LogRecorder::inclusion(uint32_t log, uint64_t position, uint64_t size,
                            std::function<void(Result<lineage::Proof>)> done) {
  const auto make = [position, size](const lineage::LogTree& tree,
                                     const lineage::LeafReader& leaves) {
    return tree.inclusion(position, size, leaves);
  };
  ask<lineage::Proof>([this, log, make] { return prove(log, make); }, std::move(done));
}

void LogRecorder::consistency(uint32_t log, uint64_t from, uint64_t to,
                              std::function<void(Result<lineage::Proof>)> done) {
  const auto make = [from, to](const lineage::LogTree& tree, const lineage::LeafReader& leaves) {
    return tree.consistency(from, to, leaves);
  };
  ask<lineage::Proof>([this, log, make] { return prove(log, make); }, std::move(done));
}

void LogRecorder::pruned(std::function<void(Result<std::vector<lineage::PrunedLog>>)> done) {
  using Pruned = std::vector<lineage::PrunedLog>;
  ask<Pruned>(
      [this]() -> Result<Pruned> {
        if (auto caught_up = catch_up(); !caught_up) {
          return tl::unexpected<Error>(caught_up.error());
        }
        if (auto learned = learn_pruned(); !learned) return tl::unexpected<Error>(learned.error());
        Pruned all;
        for (const auto& [log, own] : trees_) {
          if (!own.left.tiles.empty()) all.push_back(own.left);
        }
        return all;
      },
      std::move(done));
}

void LogRecorder::run() {
  using Clock = std::chrono::steady_clock;
  auto next = Clock::now();
  auto prune_at = Clock::now();
  bool prunes = false;  // what is signed may go by its age, also while nothing new is committed
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto wanted = [this] { return stop_ || !jobs_.empty(); };
    const auto any = [&] { return wanted() || moved_; };
    if (moved_) {
      wake_.wait_until(lock, next, wanted);
    } else if (prunes) {
      wake_.wait_until(lock, prune_at, any);
    } else {
      wake_.wait(lock, any);
    }
    if (stop_) return;
    if (!jobs_.empty()) {
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job(false);
      lock.lock();
      continue;
    }
    const bool signs = moved_ && Clock::now() >= next;
    if (!signs && !(prunes && Clock::now() >= prune_at)) continue;
    if (signs) moved_ = false;
    lock.unlock();
    bool signed_now = true;
    if (signs) {
      signed_now = sign().has_value();
      next = Clock::now() + kSignEvery;
      prunes = signed_now && options_.retain.has_value();
    }
    if (prunes && Clock::now() >= prune_at) {
      prune();
      prune_at = Clock::now() + kPruneEvery;
    }
    lock.lock();
    if (!signed_now && why_broken_.empty()) moved_ = true;  // the store is away: again, later
  }
}

// Reads what has been committed since; sizes are of one snapshot of the store.
Result<bool> LogRecorder::catch_up() {
  if (!why_broken_.empty()) return fail(ErrorKind::kInternal, why_broken_);
  if (!reader_) {
    auto opened = store_.reader();
    if (!opened) return tl::unexpected<Error>(opened.error());
    reader_ = std::move(*opened);
  }
  const auto logs = reader_->logs();
  if (!logs) return tl::unexpected<Error>(logs.error());
  for (const LogState& log : *logs) {
    if (log.first == 0) continue;  // from before the recorder
    if (auto done = read_log(log); !done) return done;
  }
  if (auto done = check_last(); !done) return done;
  return check_others();
}

Result<bool> LogRecorder::read_log(const LogState& state) {
  const auto [it, fresh] = trees_.try_emplace(state.log);
  Tree& own = it->second;
  if (fresh) {
    const auto left =
        std::find_if(options_.pruned.begin(), options_.pruned.end(),
                     [&state](const lineage::PrunedLog& one) { return one.log == state.log; });
    if (left == options_.pruned.end()) {
      own.before = state.first - 1;
    } else {
      own.left = *left;
      own.before = left->before;
      own.tree = left->tree();
    }
  }
  if (state.size < own.before + own.tree.size()) {
    return give_up({"log " + std::to_string(state.log) + " had " +
                    std::to_string(own.before + own.tree.size()) + " rows and has " +
                    std::to_string(state.size) + " now: the store was set back"});
  }
  for (;;) {
    const uint64_t from = own.before + own.tree.size() + 1;
    if (from > state.size) return true;
    std::vector<Digest> written;
    uint64_t until = state.size;
    {
      const std::lock_guard lock(mutex_);
      written = own_rows_.take(state.log, from, state.size);
      if (written.empty()) until = own_rows_.read_until(state.log, from, state.size);
    }
    for (const Digest& leaf : written) append(state.log, own, leaf);
    if (!written.empty()) continue;
    const auto most = static_cast<uint32_t>(std::min<uint64_t>(kRowsAtOnce, until - from + 1));
    const auto rows = reader_->recorded(state.log, from - 1, most);
    if (!rows) return tl::unexpected<Error>(rows.error());
    if (rows->empty()) return fail(ErrorKind::kStoreUnreachable, "entries of a log are missing");
    for (const RecordedEntry& row : *rows) {
      if (row.position != own.before + own.tree.size() + 1) {
        return fail(ErrorKind::kStoreUnreachable, "entries of a log are missing");
      }
      append(state.log, own, lineage::leaf_hash(row.bytes));
    }
  }
}

void LogRecorder::append(uint32_t log, Tree& own, const Digest& leaf) {
  own.tree.append(leaf);
  own.tile.push_back(leaf);
  if (own.tile.size() < lineage::kTileLeaves) return;
  recent_.keep(log, own.tree.size() - lineage::kTileLeaves, std::exchange(own.tile, {}));
}

tl::unexpected<Error> LogRecorder::give_up(BrokenLog why) {
  why_broken_ = why.why;
  on_loop([this, why = std::move(why)] {
    trouble_ = why.why;
    broken_(why);
  });
  return fail(ErrorKind::kInternal, why_broken_);
}

// What was signed in an earlier life must still be what the logs begin with.
Result<bool> LogRecorder::check_last() {
  if (checked_) return true;
  for (const std::string& envelope : {options_.last, options_.last_apart}) {
    if (auto done = check_last(envelope); !done) return done;
  }
  checked_ = true;
  return true;
}

Result<bool> LogRecorder::check_last(const std::string& envelope) {
  const lineage::PublicKey own = options_.key.pair.public_key();
  const std::string& id = options_.key.pair.id();
  const auto find = [&](std::string_view key_id) { return key_id == id ? &own : nullptr; };
  auto opened = lineage::open<Checkpoint>(envelope, find);
  if (!opened) return true;  // by another key, or none: that is no promise of this one
  for (const LogRoot& root : opened->statement.logs) {
    const auto it = trees_.find(root.log);
    if (it != trees_.end()) {
      const Tree& own_tree = it->second;
      const auto then = own_tree.tree.root_at(root.size, leaves_of(root.log, own_tree.before));
      if (then && *then == root.root) continue;
      if (!then && then.error().kind == ErrorKind::kStoreUnreachable) {
        return tl::unexpected<Error>(then.error());
      }
    }
    return give_up({"log " + std::to_string(root.log) + " does not begin with the " +
                    std::to_string(root.size) +
                    " entries that this host has signed: its rows were changed from outside"});
  }
  last_ = std::move(opened->statement);
  return true;
}

// Nor may it contradict what any other host of the pool has signed.
Result<bool> LogRecorder::check_others() {
  if (!witness_) return true;
  const auto root_of = [this](uint32_t log, uint64_t size) -> Result<std::optional<Digest>> {
    const auto it = trees_.find(log);
    if (it == trees_.end() || size > it->second.tree.size()) return std::nullopt;
    const auto read = leaves_of(log, it->second.before);
    const auto leaves = [&](uint64_t first) -> Result<std::vector<Digest>> {
      const std::vector<Digest>* kept = recent_.find(log, first);
      return kept != nullptr ? *kept : read(first);
    };
    auto root = it->second.tree.root_at(size, leaves);
    if (root) return std::optional(*root);
    if (root.error().kind == ErrorKind::kNotFound) return std::nullopt;
    return tl::unexpected<Error>(root.error());
  };
  auto found = witness_->look(*reader_, root_of);
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return true;
  const std::string why = (**found).text();
  return give_up({why, std::move(**found)});
}

Result<SignedCheckpoint> LogRecorder::sign() {
  if (auto done = catch_up(); !done) return tl::unexpected<Error>(done.error());
  SignedCheckpoint made;
  Checkpoint& statement = made.statement;
  statement.pool = options_.pool;
  statement.host = options_.key.name;
  for (const auto& [log, own] : trees_) {
    if (own.tree.size() == 0) continue;
    statement.logs.push_back({log, own.tree.size(), own.tree.root()});
  }
  // What was signed before is the beginning of these: trees only grow, and check_last() has passed.
  const bool same = last_ && last_->logs == statement.logs;
  statement.at = same ? last_->at : read_clock().wall;
  made.envelope = lineage::sign(options_.key.pair, statement);
  if (same) return made;
  last_ = statement;
  if (keep_apart_) keep_apart_(made.envelope);
  on_loop([this, envelope = made.envelope] { keep_(envelope); });
  return made;
}

// --- what is old enough to go ---

// What other hosts have let go since this one has read it.
Result<bool> LogRecorder::learn_pruned() {
  if (options_.host.empty()) return true;
  const auto facts = reader_->facts(kPrunedFact);
  if (!facts) return tl::unexpected<Error>(facts.error());
  for (const auto& [name, bytes] : *facts) {
    auto left = lineage::decode_pruned(bytes);
    if (!left) return tl::unexpected<Error>(left.error());
    const auto it = trees_.find(left->log);
    if (it == trees_.end() || left->tiles.size() <= it->second.left.tiles.size()) continue;
    it->second.left = *std::move(left);
  }
  return true;
}

// Its own log's, and those of lives that are over if nobody else's comes first. A failure is no
// matter: the next time is soon.
void LogRecorder::prune() {
  const auto logs = reader_->logs();
  if (!logs || !learn_pruned()) return;
  const auto open =
      std::find_if(logs->begin(), logs->end(), [](const LogState& log) { return !log.closed; });
  const bool first = open != logs->end() && open->host == options_.host;
  for (const LogState& log : *logs) {
    const bool own = !log.closed && log.host == options_.host;
    const auto it = trees_.find(log.log);
    if (it == trees_.end() || !(own || (log.closed && first))) continue;
    if (!prune(log, it->second)) return;
  }
}

Result<bool> LogRecorder::prune(const LogState& state, Tree& own) {
  const auto root = std::find_if(last_->logs.begin(), last_->logs.end(),
                                 [&](const LogRoot& one) { return one.log == state.log; });
  if (root == last_->logs.end()) return true;
  const uint64_t gone = own.left.tiles.size();
  const auto tiles =
      old_tiles(state.log, own, std::min(root->size / lineage::kTileLeaves, gone + kTilesAtOnce));
  if (!tiles) return tl::unexpected<Error>(tiles.error());
  if (*tiles == gone) return true;
  lineage::PrunedLog left = own.left;
  left.log = state.log;
  left.before = own.before;
  for (uint64_t tile = gone; tile < *tiles; ++tile) {
    std::vector<std::string> entries;
    while (entries.size() < lineage::kTileLeaves) {
      const uint64_t from = own.before + tile * lineage::kTileLeaves + entries.size();
      const auto most = static_cast<uint32_t>(lineage::kTileLeaves - entries.size());
      auto rows = reader_->recorded(state.log, from, most);
      if (!rows) return tl::unexpected<Error>(rows.error());
      if (rows->empty() || rows->front().position != from + 1) {
        return fail(ErrorKind::kStoreUnreachable, "entries of a log are missing");
      }
      for (RecordedEntry& row : *rows) entries.push_back(std::move(row.bytes));
    }
    left.add_tile(entries);
    if (left.tiles.back() != own.tree.sums()[tile]) {
      return fail(ErrorKind::kInternal, "entries of a log are not what was signed");
    }
  }
  own.left = left;
  on_loop([this, left = std::move(left)] { prune_(left); });
  return true;
}

// How many tiles, from the first on and `most` at most, hold nothing but what is older than that.
Result<uint64_t> LogRecorder::old_tiles(uint32_t log, const Tree& own, uint64_t most) {
  const WallMs until = read_clock().wall - options_.retain->ms();
  uint64_t tiles = own.left.tiles.size();
  while (tiles < most) {
    const uint64_t newest = own.before + (tiles + 1) * lineage::kTileLeaves;
    const auto rows = reader_->recorded(log, newest - 1, 1);
    if (!rows) return tl::unexpected<Error>(rows.error());
    if (rows->empty() || rows->front().position != newest) break;
    const auto entry = lineage::decode<lineage::Entry>(rows->front().bytes);
    if (!entry || entry->at > until) break;
    ++tiles;
  }
  return tiles;
}

Result<lineage::Proof> LogRecorder::prove(uint32_t log, const Make& make) {
  if (auto done = catch_up(); !done) return tl::unexpected<Error>(done.error());
  const auto it = trees_.find(log);
  if (it == trees_.end()) {
    return fail(ErrorKind::kNotFound, "there is no log " + std::to_string(log));
  }
  return make(it->second.tree, leaves_of(log, it->second.before));
}

lineage::LeafReader LogRecorder::leaves_of(uint32_t log, uint64_t before) {
  return [this, log, before](uint64_t first) -> Result<std::vector<Digest>> {
    const auto rows = reader_->recorded(log, before + first, lineage::kTileLeaves);
    if (!rows) return tl::unexpected<Error>(rows.error());
    std::vector<Digest> hashes;
    for (const RecordedEntry& row : *rows) {
      // What is gone is not taken for what stands behind it.
      if (row.position != before + first + hashes.size() + 1) break;
      hashes.push_back(lineage::leaf_hash(row.bytes));
    }
    if (hashes.size() == lineage::kTileLeaves) return hashes;
    return fail(ErrorKind::kNotFound, "these entries are not kept any more");
  };
}

}  // namespace phoenix
