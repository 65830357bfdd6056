// The state of a Node and the parts of its decisions. Private to src/node: node.h is the contract.
//
// How a decision becomes fact. A command (or a timer) that must change something durable builds a
// Write: the group for the store, the steps to apply to memory, the replies. What it touches is
// marked busy; commands that meet something busy wait in `blocked_`. When the store has committed,
// the steps are applied and the replies leave; when it refused, everything stays as it was and the
// caller is told. So memory never runs ahead of the store, and there is nothing to roll back but
// reservations of room.
//
// What follows from state (placing, ending, retiring) is level-triggered: it is looked for again
// after every input in settle(), and after a refusal a little later, so that no trigger can be
// lost.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/planted.h"
#include "directory/directory.h"
#include "keeper/packet_table.h"
#include "keeper/parking.h"
#include "keeper/timers.h"
#include "lineage/form/entry.h"
#include "lineage/form/shown_ticket.h"
#include "node/governed/governance.h"
#include "node/node.h"
#include "node/remote/state.h"
#include "node/signed/certificates.h"
#include "node/signed/said.h"
#include "node/write.h"
#include "packet/lifecycle.h"

namespace phoenix {

// Members that are about to lose their session or to leave, waiting until nothing of theirs is
// busy.
struct Ending {
  uint64_t id = 0;
  SessionNo session = kNobody;    // kNobody: manual members
  std::vector<MemberNo> members;  // all off the ring already
  EndCause cause = EndCause::kLease;
  MemberStatus to = MemberStatus::kDetached;
  bool drained = false;  // its evictions blame nobody
  bool writing = false;
  Instant retry_at;  // after a refusal
  Instant noticed;
  std::vector<Reply> replies;  // sent with its commit
};

// What the store had under a key, not before that moment.
struct LookedUp : PacketLookup {
  Instant asked;
};

struct Node::Impl {
  explicit Impl(const NodeConfig& config);

  // --- input.cc: inputs, dispatch, waiting for what is busy ---
  void observe(Now now);
  void command(Command command);
  void dispatch(Command command);
  void run(Command command);
  void block(const std::string& name, Command command);
  void unblock(const std::string& name);
  void unblock(const PacketKey& key);
  void keep(const Command& command, ReplyBody answer);
  void refuse(RequestId id, Error error);
  void reply(RequestId id, ReplyBody body);
  void settle();
  void settle_here();
  void release_keys();
  void tick();
  void answer_awaits();
  void pause(Duration gap);
  void wall_set_back();
  Instant deadline() const;

  // --- writes.cc: from decision to fact ---
  Write new_write();
  void step(Write& write, SlotNo slot, Transition done, std::vector<ContentWrite> contents,
            MemberNo to, const Said& said = {});
  static lineage::Actor actor_of(const Caller& caller);
  void record(const Packet& before, Transition& done, const std::vector<ContentWrite>& contents,
              bool drains, const Said& said);
  PutNote note_on(const Packet& head, std::string sentence) const;
  std::string record(const MemberRecord* before, const MemberRecord& next, const std::string& event,
                     std::string_view proof) const;
  void put_member(Write& write, MemberNo no, MemberRecord next, std::string event,
                  std::string_view proof = {});
  void put_session(Write& write, SessionNo no, SessionRecord next);
  void finish_with(Write& write, const Command& command, ReplyBody body);
  void submit_write(Write write);
  void completed(uint64_t batch, std::span<const uint64_t> ids, std::span<const Outcome> outcomes,
                 const std::string& why);
  void resolved(uint64_t batch, Resolution resolution);
  void settle_write(uint64_t id, Outcome outcome, const std::string& why);
  void commit_write(Write& write);
  void abandon_write(Write& write, Outcome outcome, const std::string& why);
  void probe_store();
  void apply(const Write& write, const PacketStep& step);
  void answer_awaits(const PacketPtr& ended_now);
  void detach_owner(const PacketStep& step, const Packet& before, Slot& slot);
  void attach_owner(SlotNo no, Slot& slot, MemberNo to);
  void unlist(const Slot& slot, Member& owner);
  void arrive(SessionNo no);
  void orphan_taken_over(const Write& write);
  void tell_of(const Write& write);
  void apply(const MemberStep& step);
  void apply(const SessionStep& step);

  // --- submit.cc ---
  void submit(Command command, Submit& submit);
  bool must_wait(Command& command, const PacketKey& key, bool from_store);
  void look_up_rest(const Command& command, const Submit& request, std::span<const SlotNo> known);
  ItemReply submit_one(Write& write, SubmitItem& item, SlotNo known);
  ItemReply existing(const Packet& head, Status status, const SubmitItem& item);
  void await_packet(Command command, AwaitPacket& await);
  void remember(const PacketKey& key, PacketLookup lookup, Instant asked);

  // --- owner_calls.cc ---
  void owner_calls(Command command, OwnerCalls& calls);
  ItemReply repeated_item(const OwnerCalls& request, const BatchReply& so_far) const;
  ItemReply owner_call(Write& write, const Command& command, OwnerCall& call, SlotNo slot);
  ItemReply ended_call(const Packet& head, Status status, const std::string& member,
                       const OwnerCall& call);
  std::optional<Error> check_owner(const Caller& caller, const Packet& head, SlotNo slot,
                                   Status status, const OwnerCall& call, std::string* member);
  std::optional<std::string> acting_member(const Caller& caller, const Packet& head, MemberNo owner,
                                           const OwnerCall& call, Error* error);
  ItemReply carry_out(Write& write, const Command& command, SlotNo slot, OwnerCall& call);
  Change change_for(const OwnerCall& call, const Packet& head);
  static OwnerReply owner_reply(const Packet& head, Status status);
  Error packet_error(ErrorKind kind, const Packet& head, Status status, std::string detail) const;

  // --- governed/documents.cc: policies, contracts, approvals as records ---
  void apply_documents(Command command, ApplyDocuments& request);
  void decide_approval(Command command, DecideApproval& request);
  struct DocumentChange;
  Result<std::vector<DocumentChange>> changes_of(const ApplyDocuments& request) const;
  DocumentPtr next_document(const DocumentKey& key, const DocumentPtr& before,
                            const std::string& app, std::string text) const;
  std::optional<Error> policy_faults(const ApplyDocuments& request,
                                     const std::vector<DocumentChange>& changes) const;
  void put_document(Write& write, const DocumentPtr& before, const DocumentPtr& next,
                    std::string event);
  void settle_documents(const Write& write, bool committed);
  void tell_documents(const HostLife& to, std::vector<DocumentPtr> all);
  void learn(const Documents& message);
  void document_changed(const DocumentPtr& document);
  void forget_approvals();

  // --- governed/policies.cc: what they decide ---
  class Asking;
  RuleSet* rules_at(policy::Point point, std::string_view ns) const;
  RuleSet* rules_for(const Packet& head) const;
  std::optional<PolicyRefusal> refusal_of(const Packet& head, MemberNo to) const;
  static std::string words_of(const PolicyRefusal& refusal);
  static Error policy_error(const PolicyRefusal& refusal, std::string subject);
  class MemberGate;  // admission/
  class Admission;
  void note_refusal(const PolicyNote& note);
  class Noting;
  Error refuse_handoff(SlotNo no, const PolicyRefusal& refusal);
  Parked parked_now(ClassId cls) const;
  void hold(SlotNo no);
  void set_aside(SlotNo no);
  void unqueue(SlotNo no);
  bool is_held(SlotNo no) const;
  std::vector<SlotNo> held_for(MemberNo no) const;
  void look_again(SlotNo no);
  void look_at_held();
  void look_at_some();
  void forget_governed(const PacketKey& key);

  // --- governed/approvals.cc: what waits for somebody's word ---
  DocumentKey approval_key(const PolicyRefusal& refusal, const Packet& head, MemberNo to) const;
  void ask_approval(SlotNo no, MemberNo to, const PolicyRefusal& refusal);
  void tell_when_durable(const DocumentKey& key);
  void put_approval(Write& write, const DocumentKey& key, const ApprovalForm& form);
  std::optional<Error> may_decide(const Caller& caller, const std::string& ns,
                                  const ApprovalForm& form) const;
  void expire_approvals();
  bool wait_for_word(SlotNo no, const PolicyRefusal& refusal);

  // --- governed/terms.cc: what may be handed on ---
  class Terms;
  std::optional<Digest> contract_of(const Packet& head) const;

  // --- signed/tickets.cc: what owners show to third parties ---
  ItemReply ticket(Write& write, const Caller& caller, SlotNo slot, OwnerCall& call);
  lineage::ShownTicket ticket_of(const Packet& head, WallMs at, int64_t life) const;
  uint32_t promise(const Caller& caller);
  std::optional<Parked> held_back(const Slot& slot) const;
  void outwait_ticket(const Slot& slot, Change& change) const;
  Change regrant(const Slot& slot, const Packet& head, Event event, MemberNo* to);
  void expect_ticket(Slot& slot) const;
  Parked parked_for_retry(const Packet& head) const;
  std::optional<Error> ticket_refusal(const Slot& slot) const;

  class Certifying;  // signed/: that who has left owns nothing

  // --- signed/signatures.cc: members' keys, and what is signed with them ---
  std::optional<Error> key_refusal(const MemberRecord& wanted, std::string_view proof) const;
  void take_keys(MemberRecord& record, const MemberRecord* before) const;
  std::optional<Error> patch_keys(const PatchMember& wanted, const Caller& caller,
                                  MemberRecord& next) const;
  std::optional<Error> check_result(const OwnerCall& call, const MemberRecord& owner);
  Result<std::string> signer_of(const lineage::Evidence& evidence, std::string_view payload,
                                const MemberRecord& owner, const lineage::KeyFinder& find);

  // --- signed/offers.cc: handoffs, plain or signed by both sides ---
  using SignedOffer = lineage::Signed<lineage::HandoffOffer>;
  ItemReply hand_off(Write& write, const Command& command, SlotNo slot, OwnerCall& call);
  std::optional<Error> find_receiver(const OwnerCall& call, SlotNo, Change& change, MemberNo* to);
  std::optional<Error> cut_context(const OwnerCall& call, SlotNo no, Change& change, MemberNo to);
  void give_back_room(MemberNo to, const Packet& head);
  ItemReply give(Write& write, SlotNo no, Change change, MemberNo to, const Said& said);
  Result<SignedOffer> check_offer(OwnerCall& call, SlotNo slot) const;
  bool may_be_checked_later(const OwnerCall& call, const Packet& head) const;
  std::optional<Error> check_late(PendingOffer& offer);
  std::optional<Error> check_acceptance(const OwnerCall& call, const PendingOffer& offer,
                                        const MemberRecord& receiver) const;
  Said said_alone(const OwnerCall& call, const SignedOffer& offer, MemberNo to);
  ItemReply ask_receiver(const Command& command, SlotNo no, OwnerCall& call, MemberNo to,
                         const SignedOffer* offer);
  std::optional<Error> still_refused(const OwnerCall& call, SlotNo, Change& change, MemberNo* to);
  ItemReply accept(Write& write, const Caller& caller, OwnerCall& call, SlotNo slot);
  ItemReply accepted_before(const Caller& caller, const OwnerCall& call, SlotNo slot) const;
  bool speaks_for(const Caller& caller, const MemberRecord& member) const;
  PendingOffer take_offer(std::map<PacketKey, PendingOffer>::iterator it);
  void end_offer(const PacketKey& key, const Error& why);
  std::optional<Error> offer_over(const PacketKey& key, const PendingOffer& offer) const;
  void end_offers();
  void check_offers();
  void offered(Offered offered);
  void stop_asking(SessionNo no, const Packet& head);
  std::vector<Offered> offers_for(SessionNo no, const Waiter& waiter);

  // --- orders.cc: cancel, assign, evict, retry ---
  void order(Command command, OrderPacket& order);
  void order_live(Command& command, OrderPacket& order, SlotNo slot);
  void evict_for_order(const Slot& slot, Change* change, MemberNo* to);
  void order_ended(Command& command, OrderPacket& order, const Packet& head);
  std::optional<Error> give_to(const OrderPacket& order, const Slot& slot, MemberNo* to);

  // --- assign.cc: placing, parking, losing ---
  static Match match_of(const PacketSpec& spec);
  ClassId intern(const Packet& head);  // of what it requires; to be released
  PlaceQuery query_of(const Packet& head, ClassId cls, const std::string& avoid) const;
  std::optional<MemberNo> place(const Packet& head, ClassId cls, const std::string& avoid);
  MemberNo member_of(MemberIndex index) const;
  void enter_ring(MemberNo no);
  void update_on_ring(MemberNo no, const RingMember& as);
  void number_on_ring(MemberNo no, MemberIndex index);
  Parked park_for_room(ClassId cls) const;
  Change grant_or_park(const Packet& head, ClassId cls, Event event, MemberNo* to);
  void grant(SlotNo slot, MemberNo to, Event event, std::string reason);
  void park(SlotNo slot);
  void reconsider(SlotNo slot);
  void try_place(SlotNo slot);
  void end_packet(SlotNo slot, Event event, std::string reason, RevokeReason revoke);
  void time_out(SlotNo slot);
  void wake(MemberNo no);
  void fill(MemberNo no, const std::function<void(SlotNo)>& take,
            const std::function<void(SlotNo)>& skip);
  void arm(SlotNo slot, bool fresh);
  void arm_wall(SlotNo slot, bool fresh);
  void retry_later(SlotNo slot);
  Change losing(const Slot& slot, const Ending& ending, MemberNo* to);
  void lose(Write& write, SlotNo slot, const Ending& ending);
  void withdraw(SlotNo slot);
  struct Moved {
    MoveCause move;
    std::optional<RevokeReason> revoke = std::nullopt;
    bool membership = false;
  };
  void move_untaken(SlotNo slot, Transition done, MemberNo to, const Moved& why);
  void add_untaken(Write& write, SlotNo slot, Transition done, MemberNo to, const Moved& why);
  void take_back(SessionNo no);
  // What was decided of a packet that has an owner; room at `to` is reserved, if there is one.
  using TakeMoved = std::function<void(SlotNo, const Change&, MemberNo to)>;
  void part(MemberNo no, const TakeMoved& take);
  std::vector<SlotNo> drawable(std::span<const MemberIndex> newcomers, Instant until);
  bool may_be_drawn(const Slot& slot, std::span<const MemberIndex> newcomers) const;
  void draw();
  void draw_until(std::span<const MemberNo> members, Instant until, const TakeMoved& take);

  // --- sessions.cc: leases, endings, attaching ---
  struct Asked {
    SessionNo session = kNobody;
    std::vector<MemberNo> members;  // those the call is about
  };
  void heard(const Caller& caller);
  void note_use(SessionNo no);
  tl::expected<Asked, Error> asked(const Command& command, const SessionRef& ref, bool attaching);
  std::optional<Error> session_state(const Session& session, const Caller& caller,
                                     const SessionRef& ref, bool attaching) const;
  bool session_blocked(Command& command, const SessionRef& ref);
  void attach(Command command, Attach& attach);
  void attach_late(Command& command, SessionNo no);
  AttachReply attach_reply(SessionNo no);
  void arm_session(SessionNo no);
  void session_due(SessionNo no);
  void begin_end(SessionNo session, std::vector<MemberNo> members, EndCause cause, MemberStatus to,
                 bool drained, std::optional<Reply> reply);
  std::vector<SlotNo> held_by(const std::vector<MemberNo>& members) const;
  void advance_endings();
  void commit_ending(Ending& ending);
  void ended(const Write& write);
  void forget_old();
  void first_call(SessionNo no);

  // --- members.cc: register, patch, drain, retire ---
  void register_members(Command command, Register& request);
  bool registered_elsewhere(const Command& command, const Register& request);
  bool make_way(Command& command, const Register& request);
  void add_members(Command command, AddMembers& request);
  void remove_members(Command command, RemoveMembers& request);
  void patch(Command command, PatchMember& request);
  void drain(Command command, Drain& request);
  void resume(Command command, Resume& request);
  void retire(Command command, Retire& request);
  void await_member(const Command& command, const AwaitMember& await);
  MemberRecord new_life(const MemberRecord& wanted, const std::string& session,
                        const Caller& caller);
  void forget_absent(SessionRecord& session) const;
  void leave_old_sessions(Write& write, const std::set<MemberNo>& taken);
  Error exists_already(const MemberRecord& record) const;
  Error too_many_members() const;
  static MemberRecord patched(const MemberRecord& before, const PatchMember& wanted);
  void sync_ring(MemberNo no);
  void relink(SessionNo no);
  MemberView member_view(MemberNo no) const;
  MembersReply members_reply(const std::vector<MemberRecord>& records,
                             const std::optional<SessionRecord>& session, bool single) const;
  void show_as_present(MembersReply& answer) const;
  void check_drained(MemberNo no);

  // --- deliver.cc: polls, heartbeats, streams ---
  void poll(Command command, Poll& poll);
  void heartbeat(Command command, Heartbeat& beat);
  void open_stream(Command command, OpenStream& open);
  void abandon(RequestId id);
  void stream_closed(RequestId id, bool by_peer);
  std::optional<OutboxCursor> acknowledge(Session& session,
                                          const std::optional<std::string>& after);
  DeliveriesReply carry(SessionNo no, const Waiter& waiter);
  void feed_stream(SessionNo no, Waiter& waiter, bool speak);
  bool something_new(Session& session) const;
  void serve_waiters(SessionNo no);
  void answer_waiters(SessionNo no, const std::optional<Error>& error);
  std::optional<DrainNotice> drain_notice(Session& session) const;
  void note_delivered(SlotNo slot);
  void put_delivery(SlotNo no, bool repeated);

  // --- recover.cc ---
  void ready();
  void begin_shutdown();

  // --- plan.cc ---
  class Planner;
  Result<Plan> plan(Now at, const PlanRequest& request, size_t most);

  // --- remote/slots.cc: slots that come and go ---
  bool driven(Position point) const;
  Error elsewhere(const PacketKey& key) const;
  bool kept_elsewhere(const PacketKey& key, SlotNo slot) const;
  bool kept_elsewhere(const SubmitItem& item) const;
  bool sends_back(const Command& command, const Submit& request);
  bool sends_back(const Command& command, std::span<const PacketKey* const> keys,
                  std::span<const SlotNo> slots);
  void forget_look_ups(const std::function<bool(Position)>& gone);
  bool is_looked_up(const Command& command, const PacketKey& key) const;
  void look_up(const PacketKey& key);
  void remember_point(const PacketKey& key, Position point);
  std::optional<Position> point_of(const PacketKey& key) const;
  bool may_hold(MemberNo no, uint64_t incarnation) const;
  void link_owner(SlotNo no);
  void enter(SlotNo no);
  bool take_foreign(SlotNo no);
  void begin_work(SlotNo no);
  SlotNo add_packet(Packet packet);
  void drive(std::span<const SlotId> slots, ScannedSlots found);
  void give_up(std::span<const SlotId> slots);
  void let_go();
  void forget_packet(SlotNo no);

  // --- remote/keeper.cc: owners at home elsewhere ---
  void tell(const HostLife& to, NodeMessage message);
  bool owned_elsewhere(const Slot& slot) const;
  void tell_home(SlotNo no, bool repeated);
  SlotNo told_by(const HostLife& from, const PacketKey& key, uint64_t epoch) const;
  void taken(const HostLife& from, const Taken& message);
  void untaken(const HostLife& from, const Untaken& message);
  void turned(const HostLife& from, const Turned& message);
  void move_on(SlotNo no, const char* why);
  void open_again();
  static Loss loss_of(const MemberRecord& record);
  void orphan(SlotNo no, const Loss& loss);
  void queue_orphan(SlotNo no);
  void place_orphans();
  void deliver_all(const HostLife& peer);

  // --- remote/home.cc: packets that others keep ---
  static constexpr Duration kCheckEvery = seconds(1);
  ForeignNo add_foreign(PacketPtr head, MemberNo member, const HostLife& keeper);
  void forget_foreign(ForeignNo no);
  void drop_foreign(ForeignNo no, std::optional<RevokeReason> reason);
  void drop_foreign_of(MemberNo member);
  void put_foreign(ForeignNo no, bool repeated);
  Delivery foreign_delivery(ForeignNo no);
  void take(ForeignNo no);
  void tell_keeper(const Foreign& entry, NodeMessage message);
  void give_back(ForeignNo no);
  void receive(const HostLife& from, NodeMessage& message);
  void delivered(const HostLife& from, const Deliver& message);
  void delivered_again(const HostLife& from, ForeignNo no, const Deliver& message);
  std::optional<TurnReason> why_turned(MemberNo no, const Packet& head, bool repeated) const;
  void turn(const HostLife& from, const Packet& head, MemberNo no, TurnReason why);
  void deliver_deferred();
  void delivered_all(const HostLife& from, const DeliverAll& message);
  void withdrawn(const Withdraw& message);
  void check_foreign();
  void ask_held(AskedHeld query);
  void held(uint64_t id, Result<std::vector<Packet>> found);
  void compare_held(const AskedHeld& query, std::vector<Packet>& found);

  // --- remote/loads.cc ---
  void note_load(MemberNo no);
  LoadWord load_word(MemberNo no) const;
  void tell_loads();
  void tell_loads_to(const HostLife& peer, Loads loads);
  void tell_all_loads(const HostLife& peer, bool also_none);
  bool answers_for(const Member& member) const;
  void set_foreign_load(MemberNo no, uint32_t load);
  void loads_told(const HostLife& from, const Loads& message);
  class Sharing;  // remote/loads.h

  // --- remote/learn.cc: records of others ---
  struct Learned;
  void tell_news();
  void tell_records(const HostLife& to, Records all);
  void tell_all_records(const HostLife& peer);
  void link_up(const HostLife& peer);
  void learn(const Records& records);
  RecordNames compare(const RecordPage& page, bool first, bool last);
  void learn_session(const std::shared_ptr<const SessionRecord>& next, Learned& learned);
  void learn_member(const std::shared_ptr<const MemberRecord>& next, Learned& learned);
  void learn_gone(MemberNo no, Learned& learned);
  void member_changed(MemberNo no, const Learned& learned);
  void take_from_session(MemberNo no);
  void leave_home(SessionNo no);
  void drop_endings();
  bool ends_here(const Ending& ending, MemberNo no) const;
  bool want(Command& command, const std::string& name, std::vector<std::string> sessions,
            std::vector<MemberKey> members);
  bool has_asked(const Command& command) const;
  void give_up_asking();
  bool try_again_with_newer(Write& write);
  bool abandon_apart(Write& write, Outcome outcome);
  void want_newer(const Write& write);

  // --- remote/homes.cc: sessions and their homes ---
  bool in_view(const HostLife& host) const;
  Duration lease_left(Duration lease) const;
  bool without_hold(const Command& command, Duration lease);
  bool not_at_home(Command& command, const SessionRef& ref);
  bool behind(const Caller& caller) const;
  bool must_learn_token(Command& command, const SessionRef& ref);
  bool want_session(Command& command, std::vector<MemberKey> members);
  std::vector<MemberKey> unknown_members(const std::string& session) const;
  bool must_learn_caller(Command& command, OwnerCalls& request);
  bool must_learn_session(Command& command, const SessionRef& ref);
  void attach_here(Command command, SessionNo no);
  void attached_here(ApartWrite& write);
  void ask_for_attached();
  void view_changed(std::span<const HostLife> hosts, std::span<const Dropped> dropped,
                    const std::function<bool(const std::string&)>& mine);
  bool note_home(SessionNo no);
  void home_changed(SessionNo no);
  bool is_homeless(SessionNo no) const;
  void adopt();
  void adopted(const ApartWrite& write);
  Instant adopt_at() const;
  bool drains_here(const Member& member) const;
  bool forgets(const std::string& session, const std::string& name) const;
  void tick_remote();
  Instant remote_deadline() const;
  void settle_remote();

  // --- remote/check.cc ---
  void check_remote(std::vector<std::string>& wrong) const;

  // --- queries.cc ---
  PacketView view(SlotNo slot) const;
  Status status(const Slot& slot) const;
  std::vector<std::string> check() const;
  void check_outboxes(std::vector<std::string>& wrong) const;
  CandidateView candidate(const Candidate& from) const;
  WalkView walk(const PlaceQuery& query) const;
  // May this member take the packet of the slot by name? Empty if so, else why not.
  std::string why_not(MemberNo no, const Slot& slot) const { return why_not(no, slot, slot.cls); }
  std::string why_not(MemberNo no, const Slot& slot, ClassId cls) const;
  std::string why_closed(const Member& member) const;

  NodeConfig config;
  Placement placement;
  Directory directory;
  PacketTable packets;
  Parking parking;
  Stats stats;
  std::vector<MemberNo> by_ring;  // MemberIndex -> MemberNo
  std::vector<MemberIndex> away;  // while their leave is planned; else empty

  Now now;
  bool is_ready = false;
  bool draining = false;
  Duration paused;  // all pauses of the host so far
  bool observed = false;

  Timers<Instant> packet_timers;   // backoff
  Timers<Instant> timeout_timers;  // in time without pauses
  Timers<WallMs> wall_timers;      // deadline, notBefore
  Timers<Instant> session_timers;
  Timers<Instant> member_timers;  // drain deadlines

  uint64_t next_write = 0;
  std::map<uint64_t, Write> writes;  // waiting for the store
  std::map<uint64_t, std::vector<uint64_t>> unknown_batches;
  std::string refused_why;  // the store's last refusal; empty: it works
  WallMs refused_since = 0;
  Instant probe_at = kNever;            // while it refuses: when it is asked again
  std::set<Digest> idempotent_running;  // scopes of calls without an answer
  std::unordered_map<RequestId, Digest> idempotent_of;

  std::unordered_map<std::string, std::vector<Command>> blocked;
  std::deque<Command> runnable;                       // unblocked, to be dispatched again
  std::unordered_map<PacketKey, LookedUp> looked_up;  // not live here, as the store had it
  std::deque<PacketKey> looked_up_order;              // for the bound
  std::map<PacketKey, Instant> loading;               // since when

  uint64_t next_ending = 0;
  std::list<Ending> endings;
  std::set<SlotNo> again;         // to be reconsidered at retry_at
  std::set<MemberNo> room_again;  // to be woken for at retry_at
  std::set<MemberNo> room_later;  // got room by a refusal: woken at retry_at
  Instant retry_at = kNever;
  std::vector<MemberNo> with_room;   // to be woken for
  std::vector<SessionNo> with_news;  // waiters to be served
  std::vector<MemberNo> maybe_drained;
  std::vector<MemberNo> joined;      // to draw what others were not handed yet
  std::set<SessionNo> with_untaken;  // sessions that may have such packets

  struct Await {
    RequestId request = 0;
    Instant until;
  };
  std::unordered_map<PacketKey, std::vector<Await>> packet_awaits;
  std::map<MemberKey, std::vector<Await>> member_awaits;
  std::map<std::pair<Instant, RequestId>, std::variant<PacketKey, MemberKey>> await_timers;
  std::unordered_map<RequestId, SessionNo> waiting;  // polls and streams
  std::set<MemberKey> coming_members;                // being registered
  uint64_t incarnation_floor = 0;                    // of all members that were forgotten
  WallMs next_forget = 0;
  std::map<DocumentKey, DocumentPtr> documents;
  std::map<DocumentKey, uint64_t> busy_documents;  // with the write that is on its way
  mutable Governance governance;
  const lineage::Actor self_actor;
  std::optional<CheckedBatch> checked_batch;  // the newest
  Offers offers;
  HandoffMeter meter;
  Certificates certificates;
  lineage::Actor actor;  // who acts just now: a caller, or this host
  Output out;
  Remote remote;
};

RingMember ring_member(const MemberRecord& record);

// Names in `blocked`.
inline std::string block_name(const PacketKey& key) { return "p:" + key.text(); }
inline std::string block_name(const MemberKey& key) { return "m:" + key.text(); }
inline std::string block_name(const DocumentKey& key) { return "d:" + key.text(); }
inline std::string payload_block_name(const PacketKey& key) { return "c:" + key.text(); }
inline std::string session_block_name(std::string_view id) { return "s:" + std::string(id); }

// What a delivery of it may weigh.
uint32_t outbox_bytes(const Packet& head);

}  // namespace phoenix
