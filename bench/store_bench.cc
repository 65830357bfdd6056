// Row 1: keeper and SQLite in one process: the daemon's own runtime (node, writing thread, store)
// under a loop, fed with submits and completions of 100 or 1,000 packets. Two callers take turns,
// so that one batch is being decided while the other one is at the disk.

#include <fmt/format.h>

#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/raw_loop.h"
#include "bench/rows.h"
#include "bench/workload.h"
#include "net/event_loop.h"
#include "runtime/host_runtime.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix::bench {
namespace {

constexpr size_t kPayload = 1024;
constexpr int kCallers = 2;

// Counts commits and what is in them; used by the writing thread, read after its end.
class CountingStore final : public Store {
 public:
  struct Counts {
    uint64_t commits = 0;
    uint64_t writes = 0;
  };
  CountingStore(std::unique_ptr<Store> inner, std::shared_ptr<Counts> counts)
      : inner_(std::move(inner)), counts_(std::move(counts)) {}

  CommitResult commit(uint64_t batch_id, std::span<const Group> groups) override {
    ++counts_->commits;
    for (const Group& group : groups) counts_->writes += group.ops.size();
    return inner_->commit(batch_id, groups);
  }
  Resolution resolve(uint64_t batch_id) override { return inner_->resolve(batch_id); }
  Result<bool> recover(const RecoverSink& sink) override { return inner_->recover(sink); }
  Result<std::optional<std::string>> fact(const std::string& name) override {
    return inner_->fact(name);
  }
  Result<bool> set_fact(const std::string& name, const std::string& value) override {
    return inner_->set_fact(name, value);
  }
  Result<Swept> sweep(const SweepLimits& limits) override { return inner_->sweep(limits); }
  void maintain() override { inner_->maintain(); }
  Result<std::unique_ptr<Reader>> reader() override { return inner_->reader(); }
  StoreCapabilities capabilities() const override { return inner_->capabilities(); }

 private:
  std::unique_ptr<Store> inner_;
  std::shared_ptr<Counts> counts_;
};

struct Ours {
  double packets_per_second = 0;
  double mean_batch = 0;
};

class StoreRun {
 public:
  StoreRun(size_t packets, size_t batch) : packets_(packets) {
    const auto payload = json_content(kPayload, 1);
    for (uint64_t made = 0; made < packets;) {
      Submit submit;
      while (submit.items.size() < batch && made < packets) {
        submit.items.emplace_back(submit_item(++made, {"work"}, payload));
      }
      submits_.push_back(std::move(submit));
    }
  }

  Result<Ours> run(const std::string& folder) {
    auto store = open_sqlite_store(folder + "/ours.db");
    if (!store) return tl::unexpected(store.error());
    auto counts = std::make_shared<CountingStore::Counts>();
    HostOptions options;
    auto host = RunningHost::start(
        loop_, std::make_unique<CountingStore>(std::move(*store), counts), options);
    if (!host) return tl::unexpected(host.error());
    host_ = std::move(*host);
    attach();
    const Duration begin = wall_clock();
    // The second one comes when the first one's batch is at the store.
    for (int i = 0; i < kCallers; ++i) {
      submit_next();
      while (!host_->committing()) turn();
    }
    while (ended_ < packets_ && failed_.empty()) turn();
    const Duration took = wall_clock() - begin;
    host_.reset();
    if (!failed_.empty()) return fail(ErrorKind::kInternal, failed_);
    return Ours{
        .packets_per_second = static_cast<double>(packets_) / in_seconds(took),
        .mean_batch = static_cast<double>(counts->writes) / static_cast<double>(counts->commits)};
  }

 private:
  void turn() { loop_.run_one_for(host_->patience()); }

  void attach() {
    Register request;
    request.members.push_back(member_record("worker-1", {"work"}, 1'000'000));
    request.lease_seconds = 3600;
    request.single = true;
    request.session_id = "ses_bench";
    bool done = false;
    Caller caller;
    caller.principal = "bench";
    host_->send(std::move(caller), std::nullopt, std::move(request),
                [&done](Reply) { done = true; });
    while (!done) turn();
  }

  void submit_next() {
    if (next_ >= submits_.size()) return;
    Caller caller;
    caller.principal = "bench";
    host_->send(std::move(caller), std::nullopt, std::move(submits_[next_++]), [this](Reply reply) {
      const auto* batch = std::get_if<BatchReply>(&reply.body);
      if (batch == nullptr) return give_up();
      complete(*batch);
    });
  }

  void complete(const BatchReply& created) {
    OwnerCalls calls;
    calls.items.reserve(created.items.size());
    for (const ItemReply& item : created.items) {
      const auto* packet = std::get_if<PacketReply>(&item);
      if (packet == nullptr) return give_up();
      calls.items.emplace_back(completion(packet->packet.head->key, 1, result_));
    }
    Caller caller;
    caller.session = "ses_bench";
    caller.generation = 1;
    host_->send(std::move(caller), std::nullopt, std::move(calls), [this](Reply reply) {
      const auto* batch = std::get_if<BatchReply>(&reply.body);
      if (batch == nullptr) return give_up();
      for (const ItemReply& item : batch->items) {
        if (!std::holds_alternative<OwnerReply>(item)) return give_up();
      }
      ended_ += batch->items.size();
      submit_next();
    });
  }

  void give_up() { failed_ = "the host refused a call of the benchmark"; }

  size_t packets_;
  std::vector<Submit> submits_;
  size_t next_ = 0;
  size_t ended_ = 0;
  std::string failed_;
  std::shared_ptr<const Content> result_ = json_content(100, 2);
  EventLoop loop_;
  std::unique_ptr<RunningHost> host_;
};

Result<double> raw_rate(const std::string& folder, const std::vector<PacketLife>& lives,
                        size_t batch) {
  auto raw = RawLoop::open(folder + "/raw.db");
  if (!raw) return tl::unexpected(raw.error());
  (*raw)->prepare(lives);
  const auto times = (*raw)->run(batch);
  if (!times) return tl::unexpected(times.error());
  Duration sum;
  for (const Duration time : *times) sum = sum + time;
  return static_cast<double>(lives.size()) / in_seconds(sum);
}

Result<bool> measure(const std::string& place, const std::string& parent, size_t batch,
                     size_t packets, double bar, Figures& figures) {
  const std::vector<PacketLife> lives = packet_lives(packets, kPayload);
  std::vector<double> ours;
  std::vector<double> raw;
  std::vector<double> batches;
  for (int pair = 0; pair < 5; ++pair) {
    const ScratchFolder folder(parent);
    if (folder.path().empty()) {
      return fail(ErrorKind::kInvalidRequest, "cannot make a folder in " + parent);
    }
    auto run = std::make_unique<StoreRun>(packets, batch);
    const auto mine = run->run(folder.path());
    if (!mine) return tl::unexpected(mine.error());
    run.reset();
    ours.push_back(mine->packets_per_second);
    batches.push_back(mine->mean_batch);
    const auto theirs = raw_rate(folder.path(), lives, static_cast<size_t>(mine->mean_batch + 0.5));
    if (!theirs) return tl::unexpected(theirs.error());
    raw.push_back(*theirs);
  }
  figures.push_back(
      {.row = 1,
       .what = fmt::format("in process, batches of {}, on {}: ours / raw", batch, place),
       .value = median_ratio(ours, raw),
       .unit = "x raw",
       .bar = {Bar::Op::kAtLeast, bar},
       .beside = {{"ours, packets/s", median(ours)},
                  {"raw, packets/s", median(raw)},
                  {"mean batch reached", median(batches)}}});
  return true;
}

}  // namespace

Result<bool> bench_store(const BenchOptions& options, Figures& figures) {
  for (const size_t batch : {size_t{100}, size_t{1'000}}) {
    const size_t packets = options.quick ? 2 * batch : batch == 100 ? 20'000 : 60'000;
    auto done = measure("disk", options.disk_folder, batch, packets, 0.7, figures);
    if (done) done = measure("tmpfs", options.tmpfs_folder, batch, packets, 0.6, figures);
    if (!done) return done;
  }
  return true;
}

}  // namespace phoenix::bench
