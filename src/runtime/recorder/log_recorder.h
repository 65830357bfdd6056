// Keeps the flight recorder of a host: the trees over the entries of every log of its store, and
// the checkpoints that sign them. The trees follow from committed rows alone: a thread of its own
// reads them, but for those that the host is told to have committed itself. A host that shares its
// store keeps the trees of all logs, so any host can prove what any other has written.
//
// A checkpoint is signed at most a second after something new was committed, none while nothing is,
// and whenever somebody asks for one. Before it signs, the recorder makes sure that the logs begin
// with what it signed before, in this life or an earlier one, and with what the other hosts of the
// pool have signed; if they do not, it signs nothing more and says so.
//
// Made, asked and destroyed on the loop's thread; callbacks come there, never from within the call.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "lineage/form/statements.h"
#include "lineage/tree/log_tree.h"
#include "net/event_loop.h"
#include "runtime/recorder/flight_recorder.h"
#include "runtime/recorder/own_rows.h"
#include "runtime/recorder/recent_leaves.h"
#include "runtime/recorder/witness.h"
#include "store/store.h"

namespace phoenix {

struct RecorderOptions {
  std::string pool;
  lineage::NamedKeyPair key;  // checkpoints bear its name
  std::string last;           // the newest checkpoint that this host has signed; empty: none
  // The same as it was kept apart from the store, so that a store that was set back is noticed.
  std::string last_apart{};
  std::optional<lineage::NamedKey> root{};  // of the pool, where it has one
  // Entries older than that go, once they are signed; absent: none does.
  std::optional<Duration> retain{};
  std::string host{};                        // whose logs it prunes; empty: of a store of its own
  std::vector<lineage::PrunedLog> pruned{};  // as it was kept
};

// A fact of the store, and the number of a log: a PrunedLog, where its oldest entries are gone.
inline constexpr const char* kPrunedFact = "pruned.";

// Why a host signs nothing more.
struct BrokenLog {
  std::string why;
  std::optional<Contradiction> by{};  // what another host has signed
};

class LogRecorder final : public FlightRecorder {
 public:
  // `keep` has to make a checkpoint durable; `broken` is told once why nothing is signed any more.
  using Keep = std::function<void(std::string envelope)>;
  using Broken = std::function<void(const BrokenLog& why)>;
  // Called on the recorder's thread, before `keep`: may write a file.
  using KeepApart = std::function<void(const std::string& envelope)>;
  // `prune` makes durable what is left of a log, and then lets the entries go that it stands for.
  using Prune = std::function<void(const lineage::PrunedLog& left)>;
  LogRecorder(EventLoop& loop, Store& store, RecorderOptions options, Keep keep, Broken broken,
              Prune prune = {}, KeepApart keep_apart = {});
  ~LogRecorder() override;

  lineage::NamedKey key() const override {
    return {options_.key.role, options_.key.name, options_.key.pair.public_key()};
  }
  const std::string& trouble() const override { return trouble_; }
  // Something was committed, here or elsewhere.
  void moved();
  // By this host; before moved().
  void committed(OwnRows rows);
  // Nothing is signed any more. Whoever asked or asks later is told so by the end of the loop's
  // next turn. Waits for what runs.
  void end();

  void checkpoint(std::function<void(Result<SignedCheckpoint>)> done) override;
  void inclusion(uint32_t log, uint64_t position, uint64_t size,
                 std::function<void(Result<lineage::Proof>)> done) override;
  void consistency(uint32_t log, uint64_t from, uint64_t to,
                   std::function<void(Result<lineage::Proof>)> done) override;
  void pruned(std::function<void(Result<std::vector<lineage::PrunedLog>>)> done) override;

 private:
  using Job = std::function<void(bool over)>;  // over: only to be refused
  using Make =
      std::function<Result<lineage::Proof>(const lineage::LogTree&, const lineage::LeafReader&)>;
  struct Tree {
    lineage::LogTree tree;
    uint64_t before = 0;         // rows from before the recorder: positions count from there
    std::vector<Digest> tile{};  // leaves since the last complete one
    lineage::PrunedLog left;     // of what is gone
  };

  template <class T>
  void ask(std::function<Result<T>()> work, std::function<void(Result<T>)> done);
  void on_loop(std::function<void()> what);
  void run();
  Result<bool> catch_up();
  Result<bool> read_log(const LogState& state);
  void append(uint32_t log, Tree& own, const Digest& leaf);
  Result<bool> check_last();
  Result<bool> check_last(const std::string& envelope);
  Result<bool> check_others();
  tl::unexpected<Error> give_up(BrokenLog why);
  Result<bool> learn_pruned();
  void prune();
  Result<bool> prune(const LogState& state, Tree& own);
  Result<uint64_t> old_tiles(uint32_t log, const Tree& own, uint64_t most);
  Result<SignedCheckpoint> sign();
  Result<lineage::Proof> prove(uint32_t log, const Make& make);
  lineage::LeafReader leaves_of(uint32_t log, uint64_t before);

  EventLoop& loop_;
  Store& store_;
  const RecorderOptions options_;
  const Keep keep_;
  const Broken broken_;
  const Prune prune_;
  const KeepApart keep_apart_;
  std::string trouble_;                                               // the loop's thread alone
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // the loop's thread alone

  // The thread's own.
  std::unique_ptr<Reader> reader_;
  std::map<uint32_t, Tree> trees_;
  RecentLeaves recent_;
  std::optional<lineage::Checkpoint> last_;
  bool checked_ = false;  // what was signed in an earlier life
  std::string why_broken_;
  std::optional<Witness> witness_;  // where hosts share the store

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  OwnRowQueue own_rows_;
  bool moved_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace phoenix
