// Row 3: 500 signed handoffs a second, each durable, under a policy and a contract, for a minute.
// They begin by the clock and not when the last one has ended, so whatever holds one up is seen in
// those behind it. Beside it a thread appends and syncs as any program would, in the same minute
// and on the same disk.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/clock.h"
#include "bench/folder.h"
#include "bench/lineage/pair/member.h"
#include "bench/lineage/pair/pair_host.h"
#include "bench/lineage/rows.h"
#include "bench/workload.h"
#include "store/sqlite/sqlite_store.h"

namespace phoenix::bench {
namespace {

constexpr int kEachSecond = 500;
constexpr int kPackets = 1'000;
constexpr size_t kContext = 2'048;
constexpr size_t kRawBytes = 4'096;
constexpr uint32_t kRoom = 1'000'000;
constexpr const char* kNames[] = {"alice", "bob"};

constexpr const char* kPolicy = R"json({"target":"can-handoff","defaultDecision":"allow","rules":[
  {"name":"trusted","condition":"target.trustScore < 0.8","decision":"deny",
   "reason":"too little trust"},
  {"name":"personal","condition":"'pii' in packet.policyTags && !('pii' in target.compliance)",
   "decision":"deny","reason":"personal data"}]})json";
constexpr const char* kContract =
    R"json({"appliesTo":{"capabilities":["work"]},"context":{"require":["text"],"maxBytes":65536},)json"
    R"json("minimumTrustScore":0.5,"requiredCapabilities":["work"]})json";

// Appends and syncs every 20 ms until it goes.
class RawSync {
 public:
  explicit RawSync(const std::string& file)
      : fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
        thread_([this] { run(); }) {}
  ~RawSync() {
    stop_ = true;
    thread_.join();
    ::close(fd_);
  }
  RawSync(const RawSync&) = delete;
  RawSync& operator=(const RawSync&) = delete;

  // Requires: stopped, or nobody minds that it goes on.
  std::vector<double> stop() {
    stop_ = true;
    while (!over_) std::this_thread::yield();
    return millis_;
  }

 private:
  void run() {
    const std::string bytes(kRawBytes, 'r');
    auto next = std::chrono::steady_clock::now();
    while (!stop_) {
      const Duration begin = wall_clock();
      const bool good =
          ::write(fd_, bytes.data(), bytes.size()) == ssize_t{kRawBytes} && ::fdatasync(fd_) == 0;
      if (!good) break;
      millis_.push_back(in_micros(wall_clock() - begin) / 1e3);
      next += std::chrono::milliseconds(20);
      std::this_thread::sleep_until(next);
    }
    over_ = true;
  }
  int fd_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> over_ = false;
  std::vector<double> millis_;
  std::thread thread_;
};

class Steady {
 public:
  Steady(EventLoop& loop, RunningHost& host) : loop_(loop), host_(host), timer_(loop) {
    for (const char* name : kNames) {
      members_.push_back(std::make_unique<SigningMember>(host, name, kRoom));
    }
  }

  Result<bool> prepare() {
    order(document(DocumentKind::kPolicy, "handoffs", kPolicy));
    order(document(DocumentKind::kContract, "work", kContract));
    members_[0]->join(kNames[1]);
    members_[1]->join(kNames[0]);
    if (!run_until([this] { return members_[0]->here() && members_[1]->here() && orders_ == 0; })) {
      return fail(ErrorKind::kInternal, "not ready: " + members_[0]->refusal() + refused_);
    }
    if (!refused_.empty()) return fail(ErrorKind::kInternal, "refused: " + refused_);
    const auto payload = json_content(100, 1);
    Submit submit;
    for (int i = 0; i < kPackets; ++i) {
      submit.items.emplace_back(submit_item(static_cast<uint64_t>(i), {"work"}, payload));
    }
    order(std::move(submit));
    const auto all = [this] {
      return members_[0]->held().size() + members_[1]->held().size() == kPackets;
    };
    if (!run_until(all)) return fail(ErrorKind::kInternal, "packets are missing");
    return true;
  }

  // Milliseconds from when each was due.
  Result<std::vector<double>> run(int count) {
    wanted_ = count;
    first_ = wall_clock();
    begin_due();
    const Duration patience = seconds(count / kEachSecond + 30);
    const Duration end = first_ + patience;
    while (ended_ < count && refused_.empty() && wall_clock() < end) {
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    if (!refused_.empty()) return fail(ErrorKind::kInternal, "refused: " + refused_);
    if (ended_ < count) return fail(ErrorKind::kInternal, "handoffs were not answered");
    return millis_;
  }

 private:
  static ApplyDocuments document(DocumentKind kind, const char* name, const char* text) {
    ApplyDocuments wanted;
    wanted.ns = kNamespace;
    wanted.items.push_back({kind, name, text, std::nullopt});
    return wanted;
  }
  void order(CommandBody body) {
    Caller caller;
    caller.principal = "operator";
    caller.is_operator = true;
    ++orders_;
    host_.send(caller, std::nullopt, std::move(body), [this](const Reply& reply) {
      --orders_;
      if (const auto* error = std::get_if<Error>(&reply.body)) refused_ = error->detail;
    });
  }
  bool run_until(const std::function<bool()>& done) {
    const Duration end = wall_clock() + seconds(20);
    while (!done() && refused_.empty() && wall_clock() < end) {
      loop_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }

  Duration due(int number) const {
    return first_ + Duration{int64_t{number} * 1'000'000'000 / kEachSecond};
  }
  void begin_due() {
    while (begun_ < wanted_ && due(begun_) <= wall_clock()) begin(due(begun_++));
    if (begun_ == wanted_) return;
    timer_.call_after(due(begun_) - wall_clock(), [this] { begin_due(); });
  }
  // By whoever holds more.
  void begin(Duration at) {
    const size_t giver = members_[0]->held().size() >= members_[1]->held().size() ? 0 : 1;
    auto& held = members_[giver]->held();
    if (held.empty()) {
      refused_ = "everything is on its way";
      return;
    }
    SigningMember::Held what = std::move(held.front());
    held.pop_front();
    members_[giver]->hand_off(std::move(what), kNames[1 - giver], context_,
                              [this, at](const std::string& refused) {
                                ++ended_;
                                if (!refused.empty()) refused_ = refused;
                                millis_.push_back(in_micros(wall_clock() - at) / 1e3);
                              });
  }

  EventLoop& loop_;
  RunningHost& host_;
  Timer timer_;
  std::vector<std::unique_ptr<SigningMember>> members_;
  const std::shared_ptr<const Content> context_ = json_content(kContext, 3);
  int wanted_ = 0;
  int begun_ = 0;
  int ended_ = 0;
  int orders_ = 0;
  Duration first_;
  std::string refused_;
  std::vector<double> millis_;
};

}  // namespace

Result<bool> steady_handoffs_row(const LineageBench& options, Figures& figures) {
  const int count = kEachSecond * (options.quick ? 2 : 60);
  const ScratchFolder folder(options.disk_folder);
  auto store = open_sqlite_store(folder.file("host.db"));
  if (!store) return tl::unexpected(store.error());
  EventLoop loop;
  HostOptions host_options;
  host_options.pool = kPairPool;
  host_options.key = lineage::NamedKeyPair{lineage::KeyRole::kHost, "host", pair_key("host")};
  auto host = RunningHost::start(loop, std::move(*store), host_options);
  if (!host) return tl::unexpected(host.error());
  Steady steady(loop, **host);
  if (auto ready = steady.prepare(); !ready) return ready;
  RawSync raw(folder.file("raw"));
  const auto millis = steady.run(count);
  const std::vector<double> syncs = raw.stop();
  if (!millis) return tl::unexpected(millis.error());
  const double raw_p50 = quantile(syncs, 0.5);
  const auto figure = [&](const char* what, double share, double times) {
    const double value = quantile(*millis, share);
    figures.push_back({3,
                       what,
                       value,
                       "ms",
                       {Bar::Op::kAtMost, times * raw_p50 + 2},
                       {{"raw sync p50 ms", raw_p50},
                        {"raw sync p99 ms", quantile(syncs, 0.99)},
                        {"handoffs", static_cast<double>(count)}}});
  };
  figure("500 durable handoffs/s under policy and contract, p50", 0.5, 2.5);
  figure("the same, p99", 0.99, 8);
  return true;
}

}  // namespace phoenix::bench
