// Row 4: the core alone, from the command that creates a packet to its end: submit in hundreds,
// polled deliveries, completions in hundreds, while 100,000 packets are live. Workload A, 1,000
// members in eight sessions. The commands are made outside of the measured time.

#include <openssl/evp.h>

#include <array>
#include <deque>

#include "bench/clock.h"
#include "bench/instant_host.h"
#include "bench/rows.h"
#include "bench/workload.h"
#include "packet/encoding.h"
#include "ring/point.h"

namespace phoenix::bench {
namespace {

constexpr size_t kSessions = 8;
constexpr size_t kBatch = 100;
constexpr uint32_t kMaxLoad = 1000;

struct Held {
  PacketKey key;
  uint64_t epoch = 0;
};

class CoreLoad {
 public:
  explicit CoreLoad(size_t members)
      : workload_(4), host_(NodeConfig{}), result_(json_content(100, 2)) {
    std::vector<std::vector<MemberRecord>> records(kSessions);
    for (size_t i = 0; i < members; ++i) {
      records[i % kSessions].push_back(
          member_record("worker-" + std::to_string(i), workload_.member_capabilities(), kMaxLoad));
    }
    for (size_t s = 0; s < kSessions; ++s) host_.attach(s, std::move(records[s]), 3600);
  }

  void submit() {
    Submit submit;
    for (size_t i = 0; i < kBatch; ++i) {
      submit.items.emplace_back(submit_item(++made_, workload_.required(), payload_));
    }
    Command command;
    command.caller.principal = "bench";
    command.body = std::move(submit);
    host_.run(std::move(command));
    const Reply reply = host_.take_reply();
    const auto* batch = std::get_if<BatchReply>(&reply.body);
    if (batch == nullptr) return;
    for (const ItemReply& item : batch->items) {
      const auto* packet = std::get_if<PacketReply>(&item);
      if (packet == nullptr) continue;
      if (packet->packet.status == Status::kPending) {
        parked_.push_back(packet->packet.head->key);
      } else {
        sample_ = packet->packet.head;
      }
    }
  }

  // Takes what was assigned to a session.
  void poll(size_t session) {
    Poll poll;
    poll.ref = {kNamespace, "", InstantHost::session_id(session)};
    poll.max = 1000;
    poll.after = after_[session];
    Command command;
    command.caller = InstantHost::session_caller(session);
    command.body = std::move(poll);
    host_.run(std::move(command));
    const Reply reply = host_.take_reply();
    const auto* answer = std::get_if<DeliveriesReply>(&reply.body);
    if (answer == nullptr) return;
    after_[session] = answer->next;
    for (const Delivery& delivery : answer->deliveries) {
      held_[session].push_back({delivery.packet.head->key, delivery.epoch});
    }
  }

  // The oldest of the session's; how many ended.
  size_t complete(size_t session) {
    OwnerCalls calls;
    auto& held = held_[session];
    while (!held.empty() && calls.items.size() < kBatch) {
      calls.items.emplace_back(
          completion(std::move(held.front().key), held.front().epoch, result_));
      held.pop_front();
    }
    if (calls.items.empty()) return 0;
    Command command;
    command.caller = InstantHost::session_caller(session);
    command.body = std::move(calls);
    host_.run(std::move(command));
    const Reply reply = host_.take_reply();
    const auto* batch = std::get_if<BatchReply>(&reply.body);
    size_t ended = 0;
    if (batch == nullptr) return 0;
    for (const ItemReply& item : batch->items) ended += std::holds_alternative<OwnerReply>(item);
    return ended;
  }

  // Those for which no member will do.
  void cancel_parked() {
    for (PacketKey& key : parked_) {
      Command command;
      command.caller = {.session = {},
                        .generation = 0,
                        .principal = "bench",
                        .is_operator = true,
                        .as_member = {}};
      command.body = OrderPacket{.order = Order::kCancel,
                                 .key = std::move(key),
                                 .to = {},
                                 .reason = "no member will do",
                                 .if_revision = {}};
      host_.run(std::move(command));
      ++canceled_;
    }
    parked_.clear();
  }

  size_t fullest() const {
    size_t best = 0;
    for (size_t s = 1; s < kSessions; ++s) {
      if (held_[s].size() > held_[best].size()) best = s;
    }
    return best;
  }
  size_t longest() const { return held_[fullest()].size(); }

  const InstantHost& host() const { return host_; }
  const PacketPtr& sample() const { return sample_; }
  uint64_t canceled() const { return canceled_; }

 private:
  WorkloadA workload_;
  InstantHost host_;
  std::shared_ptr<const Content> payload_ = json_content(1024, 1);
  std::shared_ptr<const Content> result_;
  uint64_t made_ = 0;
  uint64_t canceled_ = 0;
  std::array<std::optional<std::string>, kSessions> after_;
  std::array<std::deque<Held>, kSessions> held_;
  std::vector<PacketKey> parked_;
  PacketPtr sample_;
};

template <class Work>
double nanoseconds_each(int times, const Work& work) {
  const Duration begin = thread_clock();
  for (int i = 0; i < times; ++i) work();
  return static_cast<double>((thread_clock() - begin).ns) / times;
}

uint64_t sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr);
  return digest[0];
}

// What stands beside the core in a host: the head's encoding, of which a packet's life needs two,
// and the hashes: its point on the ring (within the core), and SHA-256 of 1 KiB of payload.
void measure_beside(const PacketPtr& head, int times, Figure& figure) {
  if (!head) return;
  const RingKey key;
  const auto payload = json_content(1024, 1);
  volatile uint64_t sink = 0;
  figure.beside.emplace_back("encoding of one head, ns", nanoseconds_each(times, [&] {
                               sink = sink + encode_head(*head).size();
                             }));
  figure.beside.emplace_back("hash of its point, ns", nanoseconds_each(times, [&] {
                               sink = sink + packet_position(key, head->key.ns(), head->required,
                                                             head->key.id());
                             }));
  figure.beside.emplace_back("SHA-256 of 1 KiB, ns",
                             nanoseconds_each(times, [&] { sink = sink + sha256(payload->data); }));
}

}  // namespace

Result<bool> bench_core(const BenchOptions& options, Figures& figures) {
  const size_t live = options.quick ? 2'000 : 100'000;
  const size_t wanted = options.quick ? 2'000 : 200'000;
  CoreLoad load(options.quick ? 100 : 1'000);
  const auto turn = [&load](size_t session) {
    load.submit();
    load.poll(session % kSessions);
    load.cancel_parked();
  };
  size_t turns = 0;
  while (load.host().node().live_packets() < live) turn(turns++);
  std::vector<double> rates;
  for (int round = 0; round < 5; ++round) {
    const Duration before = load.host().busy();
    const uint64_t canceled = load.canceled();
    size_t ended = 0;
    while (ended < wanted) {
      turn(turns++);
      while (load.host().node().live_packets() > live && load.longest() > 0) {
        ended += load.complete(load.fullest());
      }
    }
    ended += load.canceled() - canceled;
    rates.push_back(static_cast<double>(ended) / in_seconds(load.host().busy() - before));
  }
  Figure figure = {.row = 4,
                   .what = "core alone, created to ended, 100 a call, polled",
                   .value = median(rates),
                   .unit = "packets/s",
                   .bar = {Bar::Op::kAtLeast, 500'000},
                   .beside = {}};
  figure.beside.emplace_back("live packets", static_cast<double>(live));
  figure.beside.emplace_back("microseconds a packet", 1e6 / figure.value);
  measure_beside(load.sample(), options.quick ? 1'000 : 200'000, figure);
  figures.push_back(std::move(figure));
  return true;
}

}  // namespace phoenix::bench
