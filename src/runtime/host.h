// A running host: the node, its store's threads and its clock, for the faces to use. All calls and
// callbacks happen on the loop's thread unless said otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "cluster/cluster.h"
#include "node/node.h"
#include "store/store.h"

namespace phoenix {

class EventLoop;
class FlightRecorder;

// What a delivery or a GET shows beside the head. Null where the packet has none.
struct Contents {
  std::array<std::shared_ptr<const Content>, kContentKinds> of;
};

// What an owner is told of its packet beside the head; bit i: ContentKind i.
inline constexpr uint32_t kDeliveryContents = 1u << static_cast<int>(ContentKind::kPayload) |
                                              1u << static_cast<int>(ContentKind::kCheckpoint) |
                                              1u << static_cast<int>(ContentKind::kContext);

class Host {
 public:
  virtual ~Host() = default;

  // Hands a command to the node. `done` is called exactly once (never from within send), unless
  // abandon() was called first. Replies of an OpenStream come by `portion` after a StreamOpened.
  virtual RequestId send(Caller caller, std::optional<Idempotency> idempotency, CommandBody body,
                         std::function<void(Reply)> done,
                         std::function<void(const StreamPortion&)> portion = {}) = 0;
  // The client went away (or its deadline passed): nobody waits for this request any more. A write
  // goes on; a poll that waits is taken back.
  virtual void abandon(RequestId id) = 0;
  virtual void stream_closed(RequestId stream, bool by_peer) = 0;

  // A call that a face has refused by itself: as Node::refused().
  virtual void refused(const Caller& caller, const std::string& reason) = 0;

  virtual const Node& node() const = 0;
  // The node among the hosts that share its store; alone it is a view of nobody.
  virtual const Cluster& cluster() const = 0;
  bool alone() const { return cluster().alone(); }
  virtual Now now() const = 0;

  // Content of several packets, from the cache or from the store; `done` may come at once.
  // mask: bit i = ContentKind i. The version wanted is the head's (ContentInfo.revision).
  virtual void contents(std::vector<PacketPtr> heads, uint32_t mask,
                        std::function<void(Result<std::vector<Contents>>)> done) = 0;
  // Runs on the reader's thread with its own view of the store, then `done` on the loop. At most
  // 1,024 wait; beyond that done gets kOverloaded.
  template <class T>
  void read(std::function<Result<T>(Reader&)> job, std::function<void(Result<T>)> done) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    read_raw([job = std::move(job), result](Reader& reader) { *result = job(reader); },
             [done = std::move(done), result, reads = reads_,
              asked = now().wall](const std::optional<Error>& error) {
               if (error) *result = tl::unexpected<Error>(*error);
               reads->note((*result)->has_value() ? nullptr : &(*result)->error(), asked);
               done(std::move(**result));
             });
  }
  virtual void read_raw(std::function<void(Reader&)> job,
                        std::function<void(const std::optional<Error>&)> done) = 0;
  // Is work accepted? Also whether the store answers reads, which writes and the pool's beat do not
  // tell: while it does not, each call looks again.
  Health health() {
    Health all = cluster().health(now());
    const auto since = reads_->failing_since;
    if (!all.ready || !since || now().wall - *since < kUnreadForMs) return all;
    all.ready = false;
    all.why = "the store answers no reads: " + reads_->why;
    all.since = *since;
    if (std::exchange(reads_->looks, true)) return all;
    read<PacketLookup>([](Reader& reader) { return reader.get(PacketKey("default", "-")); },
                       [reads = reads_](const Result<PacketLookup>&) { reads->looks = false; });
    return all;
  }

  // Packets by status, of all hosts that share the store. Terminal ones are as it counted them some
  // seconds ago at most, or when it last answered. `done` may come at once.
  using PacketCounts = std::array<uint64_t, kStatuses>;
  virtual void packet_counts(std::function<void(const PacketCounts&)> done) = 0;

  // The newest durable events as far as this host knows, and a subscription that is called whenever
  // there are newer ones. Returns a handle for unsubscribe. Of other hosts that share the store it
  // hears a little later.
  virtual const EventCursor& last_event() const = 0;
  virtual uint64_t subscribe(std::function<void()> listener) = 0;
  virtual void unsubscribe(uint64_t handle) = 0;

  // Null where the host has no key to sign with.
  virtual FlightRecorder* recorder() = 0;

  // "ses_..." token text <-> (session id, generation): a keyed hash with a secret of this host.
  virtual std::string session_token(const std::string& session, uint64_t generation) const = 0;
  // nullopt: not a token of ours (wrong form or hash).
  virtual std::optional<std::pair<std::string, uint64_t>> parse_session_token(
      std::string_view token) const = 0;

  // The pool's id, as signed statements name it.
  virtual const std::string& pool() const = 0;
  // What a member has to sign to show that it holds a key: good for a minute, and only for what is
  // said of it here. Any host of the pool knows its own and those of the others.
  virtual Digest challenge(std::string_view subject) const = 0;
  virtual bool is_challenge(std::string_view subject, const Digest& challenge) const = 0;

  // "pkt_" / "ses_" / "req_" + a fresh ULID.
  virtual std::string fresh_id(std::string_view prefix) = 0;

  virtual const std::string& name() const = 0;
  virtual uint64_t run() const = 0;
  virtual WallMs started_at() const = 0;
  virtual EventLoop& loop() = 0;

 private:
  static constexpr WallMs kUnreadForMs = 1000;  // one read that fails says little

  // How reads fare. Answers may come when this life of the host is over.
  struct Reads {
    std::optional<WallMs> failing_since;  // the last one failed
    std::string why;
    bool looks = false;  // one is under way for health()

    // null: it succeeded. What is refused for what was asked says nothing of the store.
    void note(const Error* error, WallMs now) {
      if (error == nullptr) return failing_since.reset();
      if (error->kind != ErrorKind::kStoreUnreachable && error->kind != ErrorKind::kTimeout) return;
      if (!failing_since) failing_since = now;
      why = error->detail;
    }
  };
  std::shared_ptr<Reads> reads_ = std::make_shared<Reads>();
};

}  // namespace phoenix
