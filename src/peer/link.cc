#include "peer/link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/msgpack.h"
#include "base/siphash.h"
#include "peer/frame.h"
#include "peer/send_queue.h"

namespace phoenix::peer {
namespace {

enum class Phase : uint8_t {
  kOpening,  // the peer's opening is awaited
  kHello,    // its hello
  kGreeted,  // the owner's judgement
  kChosen,   // the accept of the peer, which decides
  kUp,
  kClosed,
};

// Shorter gaps between two looks at the clock are this process's normal life.
constexpr int64_t kHeldUpBeats = 2;
constexpr int64_t kSilentBeats = 5;
// Received while the owner has not judged yet: the rest of what was read in one go.
constexpr size_t kMaxDeferred = size_t{1} << 20;

}  // namespace

uint64_t reach_hash(const HostLife& life) {
  std::string bytes = life.host;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(life.life >> shift & 0xff);
  return siphash13(RingKey{}, bytes);
}

struct Link::Impl {
  Impl(const LinkSetting& the_setting, Instant now, bool dials)
      : setting(the_setting),
        dialler(dials),
        queue(the_setting.queue_bytes),
        heard(now),
        spoke(now),
        looked(now),
        deadline(now + the_setting.handshake),
        silence(the_setting.silence) {}

  // --- in ---
  void received(Instant now, std::string_view bytes) {
    heard = std::max(heard, now);
    if (phase == Phase::kOpening && !take_opening(bytes)) return;
    if (phase == Phase::kGreeted) return defer(bytes);
    reader.add(bytes);
    take_frames(now);
  }

  void take_frames(Instant now) {
    Frame frame;
    while (phase != Phase::kClosed) {
      // Its accept may come in one piece with its hello, and be read only after the judgement.
      if (phase == Phase::kGreeted) return defer(reader.rest());
      const size_t max = phase == Phase::kUp ? kMaxPayload : kMaxHandshakePayload;
      const FrameReader::Next next = reader.next(max, frame);
      if (next == FrameReader::Next::kMore) return;
      if (next == FrameReader::Next::kBad || !take(now, frame)) {
        return close(CloseReason::kMalformed);
      }
    }
  }

  void defer(std::string_view bytes) {
    deferred += bytes;
    if (deferred.size() > kMaxDeferred) close(CloseReason::kMalformed);
  }

  // Takes its part of the bytes; false: there is nothing more to do with the rest.
  bool take_opening(std::string_view& bytes) {
    const size_t part = std::min(bytes.size(), kOpeningBytes - opening.size());
    opening += bytes.substr(0, part);
    bytes.remove_prefix(part);
    if (!may_be_opening(opening)) {
      close(CloseReason::kMalformed);
      return false;
    }
    if (opening.size() < kOpeningBytes) return false;
    const auto theirs_read = decode_opening(opening);
    if (!theirs_read) {
      close(CloseReason::kMalformed);
      return false;
    }
    if (!dialler) queue_opening();
    if (common_protocol(setting.protocols, *theirs_read) == 0) {
      refuse_protocol(*theirs_read);
      return false;
    }
    phase = Phase::kHello;
    if (dialler) say_hello(wanted);
    return true;
  }

  // Without a common protocol there are no words either: both find it out by themselves.
  void refuse_protocol(const Opening& other) {
    const auto range = [](const Opening& of) {
      return std::to_string(of.oldest) + ".." + std::to_string(of.newest);
    };
    refusal = {RefusalCode::kProtocol, {{"protocol", range(setting.protocols), range(other)}}};
    close(CloseReason::kRefused);
  }

  bool take(Instant now, const Frame& frame) {
    if (frame.kind == FrameKind::kRefuse) return take_refusal(frame.payload);
    switch (phase) {
      case Phase::kHello:
        return frame.kind == FrameKind::kHello && take_hello(frame.payload);
      case Phase::kChosen:
        if (frame.kind != FrameKind::kAccept || !frame.payload.empty()) return false;
        begin(now);
        return true;
      case Phase::kUp:
        return take_while_up(frame);
      default:
        return false;
    }
  }

  bool take_hello(std::string_view payload) {
    auto read = decode_hello(payload);
    if (!read) return false;
    theirs = std::move(*read);
    silence = std::max(silence, theirs.beat * kSilentBeats);
    auto differing = differences(setting.identity, theirs.identity);
    if (!differing.empty()) {
      refuse({RefusalCode::kIdentity, std::move(differing)});
    } else if (theirs.wanted != setting.self) {
      refuse({RefusalCode::kOtherHost, {{"host", to_text(setting.self), to_text(theirs.wanted)}}});
    } else if (dialler && theirs.self != wanted) {
      refuse({RefusalCode::kOtherHost, {{"host", to_text(wanted), to_text(theirs.self)}}});
    } else if (theirs.self == setting.self) {
      refuse({RefusalCode::kOtherHost, {{"host", to_text(setting.self), to_text(theirs.self)}}});
    } else {
      phase = Phase::kGreeted;
      events.emplace_back(Greeted{});
    }
    return true;
  }

  bool take_refusal(std::string_view payload) {
    if (phase == Phase::kUp) return false;
    auto read = decode_refusal(payload);
    if (!read) return false;
    refusal = std::move(*read);
    by_peer = true;
    queue.clear();
    out.clear();
    close(CloseReason::kRefused);
    return true;
  }

  bool take_while_up(const Frame& frame) {
    switch (frame.kind) {
      case FrameKind::kBeat:
        return frame.payload.empty();
      case FrameKind::kReach:
        return take_reach(frame.payload);
      case FrameKind::kForward:
      case FrameKind::kPassed:
        events.emplace_back(
            RelayFrame{std::string(frame.payload), frame.kind == FrameKind::kPassed});
        return true;
      case FrameKind::kPart:
      case FrameKind::kLast:
        return take_message(frame);
      default:
        return false;
    }
  }

  bool take_reach(std::string_view payload) {
    if (payload.size() % 8 != 0 || payload.size() / 8 > kMaxReach) return false;
    Reach reach;
    for (size_t at = 0; at < payload.size(); at += 8) {
      uint64_t hash = 0;
      for (size_t i = 0; i < 8; ++i) hash = hash << 8 | static_cast<uint8_t>(payload[at + i]);
      if (!reach.hosts.empty() && hash <= reach.hosts.back()) return false;
      reach.hosts.push_back(hash);
    }
    events.emplace_back(std::move(reach));
    return true;
  }

  bool take_message(const Frame& frame) {
    if (frame.stream >= kUrgencies) return false;
    std::string& begun = parts[frame.stream];
    if (begun.size() + frame.payload.size() > kMaxMessage) return false;
    if (frame.kind == FrameKind::kPart) {
      if (frame.payload.empty()) return false;
      begun += frame.payload;
      return true;
    }
    Received message{std::move(begun), static_cast<Urgency>(frame.stream)};
    begun = {};
    message.bytes += frame.payload;
    events.emplace_back(std::move(message));
    return true;
  }

  // --- out ---
  void queue_opening() { out += encode(setting.protocols); }

  void say_hello(const HostLife& to) {
    const Hello hello{setting.identity, setting.self, to, setting.features, setting.beat};
    queue.add_control(FrameKind::kHello, encode(hello));
  }

  void consent(Instant now) {
    if (phase != Phase::kGreeted) return;
    if (!dialler) say_hello(theirs.self);
    if (decides()) {
      queue.add_control(FrameKind::kAccept, {});
      begin(now);
    } else {
      phase = Phase::kChosen;
    }
    reader.add(deferred);
    take_frames(now);
    deferred = {};
  }

  void begin(Instant now) {
    phase = Phase::kUp;
    heard = now;
    looked = now;
    events.emplace_back(Up{});
  }

  void refuse(Refusal why) {
    if (phase == Phase::kClosed || phase == Phase::kUp) return;
    queue.add_control(FrameKind::kRefuse, encode(why));
    refusal = std::move(why);
    close(CloseReason::kRefused);
  }

  void close(CloseReason why) {
    if (phase == Phase::kClosed) return;
    phase = Phase::kClosed;
    // A refusal still has to go out; nothing else does.
    if (why != CloseReason::kRefused) {
      queue.clear();
      out.clear();
    }
    for (std::string& begun : parts) begun = {};
    events.emplace_back(Closed{why});
  }

  void take_bytes(Instant now, size_t limit, std::string& into) {
    const size_t before = into.size();
    into += out;
    out.clear();
    while (!queue.empty() && (into.size() == before || into.size() - before < limit)) {
      queue.take(into);
    }
    if (into.size() > before) spoke = now;
    for (const Urgency urgency : {Urgency::kUrgent, Urgency::kNormal, Urgency::kBulk}) {
      if (queue.takes_again(urgency)) events.emplace_back(Writable{urgency});
    }
  }

  // --- time ---
  void tick(Instant now) {
    if (phase == Phase::kClosed) return;
    if (phase != Phase::kUp) {
      if (now >= deadline) close(CloseReason::kSilent);
      return;
    }
    // Who was held up itself has not looked whether bytes have come: they get time to be read.
    const Duration grace = setting.beat * kHeldUpBeats;
    if (now - looked > setting.beat + grace) heard = std::max(heard, now - silence + grace);
    looked = now;
    if (now - heard >= silence) return close(CloseReason::kSilent);
    if (now - spoke >= setting.beat && out.empty() && queue.empty()) {
      queue.add_control(FrameKind::kBeat, {});
    }
  }

  Instant next_deadline() const {
    if (phase == Phase::kClosed) return kNever;
    if (phase != Phase::kUp) return deadline;
    // At least once a beat: else a tick that is due could not be told from one that comes late.
    Instant at = std::min(looked + setting.beat, heard + silence);
    if (out.empty() && queue.empty()) at = std::min(at, spoke + setting.beat);
    return std::max(at, looked + milliseconds(1));
  }

  bool decides() const { return setting.self < theirs.self; }

  LinkSetting setting;
  bool dialler;
  HostLife wanted;  // of a dialler
  Phase phase = Phase::kOpening;
  std::string opening;
  FrameReader reader;
  std::string deferred;  // came before the owner had judged
  SendQueue queue;
  std::string out;  // before all frames
  std::array<std::string, kUrgencies> parts;
  Hello theirs;
  std::optional<Refusal> refusal;
  bool by_peer = false;
  Instant heard, spoke, looked, deadline;
  Duration silence;
  std::vector<LinkEvent> events;
};

Link::Link(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Link::~Link() = default;

std::unique_ptr<Link> Link::dialled(const LinkSetting& setting, Instant now,
                                    const HostLife& wanted) {
  auto impl = std::make_unique<Impl>(setting, now, true);
  impl->wanted = wanted;
  impl->queue_opening();
  return std::unique_ptr<Link>(new Link(std::move(impl)));
}

std::unique_ptr<Link> Link::accepted(const LinkSetting& setting, Instant now) {
  return std::unique_ptr<Link>(new Link(std::make_unique<Impl>(setting, now, false)));
}

void Link::received(Instant now, std::string_view bytes) { impl_->received(now, bytes); }
void Link::take_bytes(Instant now, size_t limit, std::string& into) {
  impl_->take_bytes(now, limit, into);
}
bool Link::has_bytes() const { return !impl_->out.empty() || !impl_->queue.empty(); }
void Link::lost() { impl_->close(CloseReason::kLost); }
void Link::tick(Instant now) { impl_->tick(now); }
Instant Link::next_deadline() const { return impl_->next_deadline(); }
void Link::consent(Instant now) { impl_->consent(now); }
void Link::refuse(Refusal why) { impl_->refuse(std::move(why)); }

bool Link::send(std::string bytes, Urgency urgency) {
  if (!up() || bytes.size() > kMaxMessage) return false;
  return impl_->queue.add(FrameKind::kLast, std::move(bytes), urgency);
}

bool Link::send_relay(std::string bytes, bool passed) {
  if (!up() || bytes.size() > kMaxPayload) return false;
  return impl_->queue.add(passed ? FrameKind::kPassed : FrameKind::kForward, std::move(bytes),
                          Urgency::kNormal);
}

bool Link::takes(Urgency urgency) { return up() && impl_->queue.takes(urgency); }

void Link::send_reach(const std::vector<uint64_t>& hosts) {
  if (!up()) return;
  std::string payload;
  for (size_t i = 0; i < std::min(hosts.size(), kMaxReach); ++i) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      payload += static_cast<char>(hosts[i] >> shift & 0xff);
    }
  }
  impl_->queue.add_control(FrameKind::kReach, payload);
}

std::vector<LinkEvent> Link::take_events() { return std::exchange(impl_->events, {}); }
bool Link::has_events() const { return !impl_->events.empty(); }
bool Link::up() const { return impl_->phase == Phase::kUp; }
bool Link::closed() const { return impl_->phase == Phase::kClosed; }
bool Link::is_dialler() const { return impl_->dialler; }
const Hello& Link::theirs() const { return impl_->theirs; }
bool Link::decides() const { return impl_->decides(); }
uint64_t Link::features() const { return impl_->setting.features & impl_->theirs.features; }
const Refusal* Link::refusal() const { return impl_->refusal ? &*impl_->refusal : nullptr; }
bool Link::refused_by_peer() const { return impl_->by_peer; }
size_t Link::queued(Urgency urgency) const { return impl_->queue.queued(urgency); }
size_t Link::assembling() const {
  size_t out = impl_->reader.held();
  for (const std::string& begun : impl_->parts) out += begun.size();
  return out;
}

}  // namespace phoenix::peer
