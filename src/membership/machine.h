// Behind membership.h: SWIM, the Serf layer and the view filter put together. Each of them knows
// nothing of the others; what one finds out is handed to the others here until nobody has anything
// to add, and only then packets are made. Not for includes from outside this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membership/membership.h"
#include "membership/packer.h"
#include "membership/serf/serf.h"
#include "membership/swim/swim.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip {

class Machine final : public HostNames, public NamesakeJudge {
 public:
  explicit Machine(const MembershipOptions& options);

  void start(Now now, Output& out);
  void tick(Now now, Output& out);
  void receive_packet(std::string_view datagram, const Endpoint& from, Now now, Output& out);
  void packet_refused(const Endpoint& to, Now now, Output& out);
  void receive_stream(StreamId id, std::string_view message, const Endpoint& from, Now now,
                      Output& out);
  void refuse_stream(StreamId id, Drop why, Now now, Output& out);
  void stream_answered(StreamId id, std::string_view message, Now now, Output& out);
  void stream_failed(StreamId id, StreamFailure why, Drop drop, Now now, Output& out);
  void view_answered(const ViewAnswer& answer, Now now, Output& out);

  void join(const std::vector<Endpoint>& seeds, Now now, Output& out);
  void leave(Now now, Output& out);
  Result<void> remove(std::string_view name, bool prune, Now now, Output& out);
  Result<void> set_tags(const std::map<std::string, std::string>& tags, Now now, Output& out);
  Result<void> set_weight(uint32_t weight, Now now, Output& out);
  Result<void> user_event(std::string_view name, std::string_view payload, bool coalesce, Now now,
                          Output& out);

  std::vector<HostRow> hosts() const;
  const View& view() const { return view_.view(); }
  std::vector<std::pair<std::string, Duration>> unstable(Now now) const;
  const Keyring& keyring() const { return keyring_; }
  const FrameOptions& frame() const { return options_.frame; }
  Remembered remembered() const;
  MembershipStats stats() const;
  size_t alive() const { return swim_.live(); }
  void prefetch(int depth) const;

  // HostNames.
  HostNumber find(std::string_view name) const override { return swim_.hosts().find(name); }
  HostFacts facts(HostNumber host) const override;
  // NamesakeJudge.
  Verdict judge(std::string_view meta) const override;

 private:
  // A stream of ours that is under way.
  struct Opened {
    SwimEffects::StreamKind kind = SwimEffects::StreamKind::kPing;
    uint32_t swim_id = 0;
    bool join = false;
    Endpoint to;
  };
  // A ping that the view asked for.
  struct ViewPing {
    uint32_t seq = 0;
    uint32_t hint = 0;
    std::string name;
  };
  // How far leave() has come.
  enum class Leaving : uint8_t { kNo, kTelling, kLeaving, kLeft };
  // What a host's tags say, as far as this host was told of it. Kept for who is known; read anew
  // only when its text is another one.
  struct Told {
    HostText text;
    uint64_t boot = 0;
    uint32_t weight = 100;
    uint32_t address_hash = 0;
    ViewStanding standing = ViewStanding::kForeign;  // without the view's own part
    bool read = false;                               // the text
    bool phoenix = false, compatible = false;
  };

  // A gateway and a plain Serf peer take no part in any view.
  bool has_view() const { return options_.phoenix && options_.identity.store != kNoStore; }
  void enter(Now now);
  void settle(Now now, Output& out);
  void dispatch(std::string_view message, const Endpoint& from, Now now, Output& out);
  template <class Message>
  void take(std::string_view body, const Endpoint& from, Now now);
  void take_user(std::string_view payload, const Endpoint& from, Now now, Output& out);
  // False: nothing in it could be taken.
  bool take_state(const PushPull& state, const ListSource& source, bool ours, Now now, Output& out);
  std::string own_state(bool join) const;
  void drop(Drop why) {
    if (why != Drop::kNone) ++dropped_[static_cast<size_t>(why)];
  }

  void settle_swim(Now now, Output& out);
  void settle_change(const SwimEffects::Change& change, Now now, Output& out);
  void settle_serf(Now now, Output& out);
  void settle_status(const Serf::Change& change, Now now, Output& out);
  void settle_view(Now now, Output& out);
  void tell_view(HostNumber host, Now now, Output& out);
  std::string read_tags(HostNumber host, Told& told) const;
  const Told& told_of(HostNumber host) const;
  HostRow row_of(HostNumber host) const;
  void send(const Endpoint& to, std::string message, bool checksum);
  void flush(Output& out);
  void go_on_leaving(Now now, Output& out);
  Instant next_wake() const;
  bool anything_left() const;
  // Errors: the host's own part cannot be told, or all together is too long.
  Result<std::string> meta_of(const std::map<std::string, std::string>& tags) const;
  std::string first_meta();

  MembershipOptions options_;
  std::string tags_trouble_;  // why this host goes without the tags that it was given
  Keyring keyring_;
  Prng prng_;
  Swim swim_;
  Serf serf_;
  ViewFilter view_;
  Queues queues_;
  Packer packer_;

  SwimEffects from_swim_, settled_swim_;
  Serf::Effects from_serf_, settled_serf_;
  ViewEffects from_view_, settled_view_;     // settled: empty, kept for their room
  std::vector<SwimSend> sends_;              // to be packed
  std::vector<SwimEffects::Target> gossip_;  // to get what waits
  std::vector<Told> told_;                   // by HostNumber
  // Pings that the view asked for: under way, and those that failed at once.
  std::vector<ViewPing> view_pings_;
  std::vector<std::string> failed_probes_;
  std::map<StreamId, Opened> opened_;
  StreamId next_stream_ = 1;
  OpenedPacket opened_packet_;

  Leaving leaving_ = Leaving::kNo;
  Instant leave_until_ = kNever;  // of the present step
  Instant wanted_ = kNever;       // when we asked to be woken
  Now last_;                      // of the newest input
  uint32_t reserved_ = 0;
  std::array<uint64_t, kDrops> dropped_{};
  MembershipStats counts_;  // what only this class counts
};

}  // namespace phoenix::gossip
