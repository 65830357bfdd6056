#include "runtime/gossip/gossip_service.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "base/key.h"
#include "runtime/clock.h"
#include "runtime/files.h"
#include "runtime/gossip/documents.h"
#include "runtime/gossip/file_view_store.h"
#include "runtime/gossip/key_file.h"
#include "runtime/gossip/refusal_lines.h"
#include "runtime/gossip/seeds.h"
#include "runtime/gossip/streams.h"
#include "runtime/gossip/worker.h"

namespace phoenix::gossip {
namespace {

constexpr Duration kLookAtLeast = seconds(1);  // the loop's timers stand still while suspended
constexpr Duration kRememberEvery = seconds(1);
constexpr Duration kRememberSoon = milliseconds(20);  // if nothing was written lately
constexpr Duration kWriteAgain = seconds(1);
constexpr size_t kMaxRemembered = size_t{4} << 20;
constexpr size_t kMostHeld = 4'096;       // packets that wait for the disk
constexpr size_t kMostViewRequests = 16;  // at the disk, or the store
constexpr size_t kMaxTagAddress = 64;

template <class Bytes>
void fill_random(Bytes& bytes) {
  size_t done = 0;
  while (done < sizeof bytes) {
    const ssize_t got = ::getrandom(reinterpret_cast<char*>(&bytes) + done, sizeof bytes - done, 0);
    if (got > 0) done += static_cast<size_t>(got);
  }
}

class Service final : public GossipService, private UdpEvents, private StreamEvents {
 public:
  Service(EventLoop& loop, const Log& log, GossipPort port, GossipOptions options)
      : loop_(loop),
        log_(log),
        options_(std::move(options)),
        address_(std::move(port.address)),
        udp_(std::move(port.udp)),
        membership_(options_.membership),
        timer_(loop),
        remember_timer_(loop),
        disk_(loop),
        unpacker_(loop),
        views_(options_.views ? nullptr
                              : std::make_shared<FileViewStore>(
                                    FileViewStore::Options{.folder = options_.pool_folder,
                                                           .host = options_.membership.name,
                                                           .life = options_.membership.boot_id})),
        streams_(loop, unpacker_, std::move(port.listener), *this, StreamLimits{}),
        seeds_(loop, log, options_.join, options_.membership.advertise,
               {.join = [this](const std::vector<Endpoint>& seeds) { join(seeds); },
                .alive = [this] { return membership_.alive(); },
                .further = options_.further_seeds}) {
    written_ = options_.membership.remembered.incarnation;
  }
  ~Service() override {
    if (started_) write_remembered([] {});
  }

  void start() override {
    started_ = true;
    udp_->start(loop_, *this);
    membership_.start(read_clock(), out_);
    carry_out();
    seeds_.start();
  }

  void yield_slots() override {
    // Tags that cannot be told were not told before either.
    static_cast<void>(membership_.set_weight(0, read_clock(), out_));
    carry_out();
  }

  void leave(std::function<void()> left) override {
    left_ = std::move(left);
    membership_.leave(read_clock(), out_);
    carry_out();
  }

  // --- Hosts ---
  std::vector<HostRow> rows() const override { return membership_.hosts(); }
  const View& view() const override { return membership_.view(); }
  std::vector<std::pair<std::string, Duration>> unstable() const override {
    return membership_.unstable(read_clock());
  }
  MembershipStats stats() const override { return membership_.stats(); }
  GossipTraffic traffic() const override {
    const UdpCounts& udp = udp_->counts();
    const StreamCounts& streams = streams_.counts();
    return {.packets_not_sent = udp.not_sent + held_dropped_,
            .packets_refused = udp.refused,
            .streams_evicted = streams.evicted,
            .streams_timed_out = streams.timed_out,
            .streams_cut = streams.cut,
            .streams_open = streams_.incoming() + streams_.outgoing(),
            .view_unreachable = view_unreachable_};
  }
  std::string address() const override { return phoenix::to_string(address_); }
  Result<void> remove(std::string_view name, bool prune) override {
    auto done = membership_.remove(name, prune, read_clock(), out_);
    carry_out();
    return done;
  }
  uint64_t subscribe(std::function<void(const HostNews&)> listener) override {
    listeners_.emplace(++next_listener_, std::move(listener));
    return next_listener_;
  }
  void unsubscribe(uint64_t handle) override { listeners_.erase(handle); }

 private:
  // --- what the sockets bring ---
  void on_datagram(std::string_view bytes, const IpPort& from) override {
    membership_.receive_packet(bytes, endpoint_of(from), read_clock(), out_);
  }
  void on_refused(const IpPort& to) override {
    membership_.packet_refused(endpoint_of(to), read_clock(), out_);
  }
  void on_batch_end() override { carry_out(); }

  const FrameOptions& frame() const override { return membership_.frame(); }
  const Keyring& keyring() const override { return membership_.keyring(); }
  void on_request(StreamId id, std::string_view message, const Endpoint& from) override {
    membership_.receive_stream(id, message, from, read_clock(), out_);
    carry_out();
  }
  void on_unreadable(StreamId id, Drop why, const Endpoint& from) override {
    note_refused(why, from);
    membership_.refuse_stream(id, why, read_clock(), out_);
    carry_out();
  }
  void on_answer(StreamId id, std::string_view message) override {
    membership_.stream_answered(id, message, read_clock(), out_);
    carry_out();
    seeds_.look();
  }
  void on_failure(StreamId id, StreamFailure why, Drop drop) override {
    membership_.stream_failed(id, why, drop, read_clock(), out_);
    carry_out();
  }

  void join(const std::vector<Endpoint>& seeds) {
    membership_.join(seeds, read_clock(), out_);
    carry_out();
  }

  // --- what the membership wants done ---
  void carry_out() {
    Output out = std::exchange(out_, {});
    next_wake_ = out.next_wake;
    if (out.remember.incarnation) wanted_ = std::max(wanted_, *out.remember.incarnation);
    if (out.remember.hosts_changed) remember_soon();
    for (ViewRequest& request : out.view_requests) ask_view(std::move(request));
    if (out.keys_changed) write_keys();
    hold_or_send(out);
    for (const HostEvent& event : out.events) tell(event);
    if (out.left && left_) loop_.post(std::exchange(left_, nullptr));
    arm();
  }

  // Nobody hears of an incarnation that could be forgotten.
  void hold_or_send(Output& out) {
    if (wanted_ > written_ && !writing_) write_incarnation();
    if (wanted_ <= written_) return send(out.packets, out.streams, out.replies);
    for (PacketOut& packet : out.packets) {
      if (held_packets_.size() < kMostHeld) {
        held_packets_.push_back(std::move(packet));
      } else {
        ++held_dropped_;
      }
    }
    for (StreamOut& stream : out.streams) held_streams_.push_back(std::move(stream));
    for (StreamReply& reply : out.replies) held_replies_.push_back(std::move(reply));
  }

  void send(std::vector<PacketOut>& packets, std::vector<StreamOut>& streams,
            std::vector<StreamReply>& replies) {
    for (const PacketOut& packet : packets) udp_->send(ip_port_of(packet.to), packet.bytes);
    for (StreamOut& stream : streams) streams_.open(std::move(stream));
    for (StreamReply& reply : replies) streams_.reply(std::move(reply));
  }

  void arm() {
    const Duration left = next_wake_ - read_clock().mono;
    timer_.call_after(std::clamp(left, Duration{}, kLookAtLeast), [this] {
      // Input that has arrived is taken before any timer: one more turn of the loop for streams,
      // and here for packets.
      loop_.post([this, here = std::weak_ptr<bool>(here_)] {
        if (here.expired()) return;
        udp_->drain();
        membership_.tick(read_clock(), out_);
        carry_out();
      });
    });
  }

  // --- disk ---
  // What is remembered as it is now, then `done` on the loop. The file is written whole each time.
  void write_remembered(std::function<void()> done) {
    auto text = std::make_shared<std::string>(render(membership_.remembered()));
    auto result = std::make_shared<Result<void>>();
    disk_.run([path = options_.data_folder + "/hosts.json", text,
               result] { *result = replace_file(path, *text); },
              [this, result, done = std::move(done)] {
                note_disk(*result);
                if (*result) {
                  done();
                } else {
                  give_up_held();
                  remember_timer_.call_after(kWriteAgain, [this] { remember_now(); });
                }
              });
  }

  void write_incarnation() {
    writing_ = true;
    const uint32_t incarnation = wanted_;
    write_remembered([this, incarnation] {
      writing_ = false;
      written_ = incarnation;
      if (wanted_ > written_) return write_incarnation();
      auto packets = std::exchange(held_packets_, {});
      auto streams = std::exchange(held_streams_, {});
      auto replies = std::exchange(held_replies_, {});
      send(packets, streams, replies);
    });
  }

  // The disk takes nothing: what waited for it is old by the time it does.
  void give_up_held() {
    held_dropped_ += held_packets_.size();
    held_packets_.clear();
    for (StreamReply& reply : std::exchange(held_replies_, {})) streams_.reply({reply.id, {}});
    for (const StreamOut& stream : std::exchange(held_streams_, {})) {
      membership_.stream_failed(stream.id, StreamFailure::kUnreachable, Drop::kNone, read_clock(),
                                out_);
    }
    carry_out();
  }

  void remember_soon() {
    dirty_ = true;
    if (remember_timer_.pending() || remembering_) return;
    const Instant now = read_clock().mono;
    const Duration wait = next_remember_ > now ? next_remember_ - now : Duration{};
    remember_timer_.call_after(std::max(wait, kRememberSoon), [this] { remember_now(); });
  }
  void remember_now() {
    next_remember_ = read_clock().mono + kRememberEvery;
    if (wanted_ > written_) return write_incarnation();
    dirty_ = false;
    remembering_ = true;
    write_remembered([this] {
      remembering_ = false;
      if (dirty_) remember_soon();
    });
  }

  void note_disk(const Result<void>& result) {
    if (result.has_value() == disk_well_) return;
    disk_well_ = result.has_value();
    if (disk_well_) return log_.write(Severity::kInfo, "gossip-files-written-again", {});
    log_.write(Severity::kError, "cannot-remember-hosts", {{"why", result.error().detail}});
  }

  void write_keys() {
    if (options_.key_file.empty()) return;
    auto text = std::make_shared<std::string>(render_keys(membership_.keyring().keys()));
    auto result = std::make_shared<Result<void>>();
    disk_.run([path = options_.key_file, text, result] { *result = replace_file(path, *text); },
              [this, result] {
                if (*result) {
                  log_.write(Severity::kInfo, "gossip-keys-changed",
                             {{"file", options_.key_file},
                              {"keys", std::to_string(membership_.keyring().keys().size())}});
                } else {
                  log_.write(Severity::kError, "gossip-keys-not-written",
                             {{"why", result->error().detail}});
                }
              });
  }

  // --- view ---
  void ask_view(ViewRequest request) {
    const uint64_t id = request.id;
    if (view_requests_ >= kMostViewRequests) {
      return loop_.post([this, id, here = std::weak_ptr<bool>(here_)] {
        if (here.expired()) return;
        ViewAnswer none;
        none.id = id;
        none.why = "the view's store does not answer";
        answer_view(none);
      });
    }
    ++view_requests_;
    if (options_.views) {
      const auto done = [this, here = std::weak_ptr<bool>(here_)](const ViewAnswer& answer) {
        if (here.expired()) return;
        --view_requests_;
        answer_view(answer);
      };
      return options_.views->submit(options_.membership.name, std::move(request), done);
    }
    auto answer = std::make_shared<ViewAnswer>();
    answer->id = id;
    disk_.run(
        [views = views_, request = std::move(request), answer] {
          FileViewAnswer found = views->apply(request, read_clock().mono);
          answer->status = found.status;
          answer->lapsed = std::move(found.lapsed);
          answer->why = std::move(found.why);
          if (found.newest) answer->newest = make_view(std::move(*found.newest));
        },
        [this, answer] {
          --view_requests_;
          answer_view(*answer);
        });
  }

  void answer_view(const ViewAnswer& answer) {
    if (answer.status == ViewAnswer::Status::kUnreachable) ++view_unreachable_;
    if (answer.why != view_trouble_) {
      view_trouble_ = answer.why;
      if (view_trouble_.empty()) {
        log_.write(Severity::kInfo, "view-reachable", {});
      } else {
        log_.write(Severity::kError, "view-unreachable", {{"why", view_trouble_}});
      }
    }
    membership_.view_answered(answer, read_clock(), out_);
    carry_out();
  }

  // --- what happened ---
  void tell(const HostEvent& event) {
    if (event.kind == HostEventKind::kJoinFailed) seeds_.failed(event.name, event.detail);
    log_event(event);
    if (event.kind == HostEventKind::kJoin) seeds_.look();
    if (event.kind == HostEventKind::kRefused && options_.refused) {
      loop_.post([refused = options_.refused, holder = event.detail] { refused(holder); });
    }
    const HostNews news{++news_, event, read_clock().wall};
    const auto listeners = listeners_;
    for (const auto& [handle, listener] : listeners) {
      if (listeners_.contains(handle)) listener(news);
    }
  }

  void log_event(const HostEvent& event) const {
    Severity severity = Severity::kInfo;
    switch (event.kind) {
      case HostEventKind::kFailed:
      case HostEventKind::kIncompatible:
      case HostEventKind::kRemoved:
        severity = Severity::kWarn;
        break;
      case HostEventKind::kRefused:
        severity = Severity::kError;
        break;
      case HostEventKind::kUpdated:
      case HostEventKind::kReaped:
      case HostEventKind::kUserEvent:
      case HostEventKind::kQuery:
      case HostEventKind::kJoinFailed:
        severity = Severity::kDebug;
        break;
      case HostEventKind::kJoin:
      case HostEventKind::kLeft:
      case HostEventKind::kViewChanged:
        break;
    }
    if (event.kind == HostEventKind::kViewChanged) {
      const View& view = membership_.view();
      return log_.write(
          severity, "view-changed",
          {{"number", std::to_string(view.number)}, {"hosts", std::to_string(view.hosts.size())}});
    }
    const std::string what = "host-" + std::string(event_name(event.kind));
    if (event.detail.empty()) return log_.write(severity, what, {{"host", event.name}});
    log_.write(severity, what, {{"host", event.name}, {"detail", event.detail}});
  }

  void note_refused(Drop why, const Endpoint& from) {
    if (!refusal_lines_.is_due(why, from, read_clock().mono)) return;
    log_.write(Severity::kWarn, "gossip-refused",
               {{"from", phoenix::to_string(to_address(ip_port_of(from)))},
                {"why", std::string(drop_name(why))}});
  }

  EventLoop& loop_;
  const Log& log_;
  GossipOptions options_;
  Address address_;
  std::unique_ptr<UdpSocket> udp_;
  Membership membership_;
  Output out_;  // of calls that were not carried out yet
  Instant next_wake_ = kNever;
  Timer timer_;
  Timer remember_timer_;
  bool started_ = false;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);

  uint32_t wanted_ = 0;   // incarnation that is to be on disk
  uint32_t written_ = 0;  // that is
  bool writing_ = false;
  bool remembering_ = false;
  Instant next_remember_{};
  bool dirty_ = false;  // since the last time
  bool disk_well_ = true;
  std::vector<PacketOut> held_packets_;
  std::vector<StreamOut> held_streams_;
  std::vector<StreamReply> held_replies_;
  uint64_t held_dropped_ = 0;

  size_t view_requests_ = 0;
  uint64_t view_unreachable_ = 0;
  std::string view_trouble_;

  std::function<void()> left_;
  RefusalLines refusal_lines_;
  uint64_t news_ = 0;
  uint64_t next_listener_ = 0;
  std::map<uint64_t, std::function<void(const HostNews&)>> listeners_;

  Worker disk_;
  Worker unpacker_;
  std::shared_ptr<FileViewStore> views_;  // the disk's thread alone; null where others are given
  Streams streams_;
  Seeds seeds_;
};

// Broken: set aside for whoever wants to look, and begun anew; the wall clock stands in for the
// incarnation.
Remembered read_remembered(const std::string& path, const Log& log) {
  const auto text = read_whole(path, kMaxRemembered);
  std::string why;
  if (!text) {
    why = text.error().detail;
  } else if (!*text) {
    return {};
  } else {
    auto remembered = parse_remembered(**text);
    if (remembered) return *remembered;
    why = remembered.error().detail;
  }
  const std::string aside = path + ".broken";
  std::rename(path.c_str(), aside.c_str());
  log.write(Severity::kError, "hosts-forgotten", {{"file", path}, {"why", why}, {"keptAs", aside}});
  return {};
}

}  // namespace

Result<std::unique_ptr<GossipService>> GossipService::make(EventLoop& loop, const Log& log,
                                                           GossipPort port, GossipOptions options) {
  MembershipOptions& membership = options.membership;
  if (membership.name.empty() || membership.name.size() > kMaxHostName) {
    return invalid("flag:--name", "a host's name has 1 to 128 bytes");
  }
  // Others would not list it.
  if (!valid_name(membership.name)) {
    return invalid("flag:--name", "a host's name is UTF-8 without control characters");
  }
  for (const std::string* address : {&membership.api, &membership.peer}) {
    if (address->size() > kMaxTagAddress) {
      return invalid("flag:--advertise", "\"" + *address + "\" is longer than 64 bytes");
    }
  }
  if (!options.key_file.empty()) {
    auto keys = read_key_file(options.key_file);
    if (!keys) return tl::unexpected<Error>(keys.error());
    membership.keys = std::move(*keys);
  }
  fill_random(membership.seed);
  while (membership.boot_id == 0) fill_random(membership.boot_id);
  membership.remembered = read_remembered(options.data_folder + "/hosts.json", log);
  return std::make_unique<Service>(loop, log, std::move(port), std::move(options));
}

}  // namespace phoenix::gossip
