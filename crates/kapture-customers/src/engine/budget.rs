//! Every bound of a run in one place, each with its reason.

/// How many windows may be read at the same time for each place of the client: some wait for the order
/// of rows to be known, and what waits keeps its days open.
pub(crate) const WINDOWS_PER_PLACE: usize = 2;

/// How often the engine may decide anew, with nothing in flight, before it asks something.
pub(crate) const MAX_TURNS: u32 = 100;

/// How many windows may wait for evidence that other windows could bring: then they are read once more.
pub(crate) const MAX_DEFERRED: usize = 16;

/// How many empty windows may wait for their second look while others are read. What waits keeps its
/// days open: a run of many years must not need more of that than one of a month.
pub(crate) const MAX_PENDING_EMPTY: usize = 32;

/// How often a canary without rows is asked again, and after which wait: a search that is out of order comes
/// back within a dozen seconds, or not soon. After that a few others are asked at once.
pub(crate) const CANARY_WAITS: u32 = 8;
pub(crate) const CANARY_WAIT_MS: u64 = 1_500;

/// How many canaries may be without rows until no other is picked.
pub(crate) const MAX_SILENT_CANARIES: usize = 4;

/// How often windows are looked at again where no canary vouches for them, and how long is waited before: all
/// of them once, and a few of them another time, since one that shows rows is a canary for the others.
pub(crate) const UNVOUCHED_LOOKS: u32 = 2;
pub(crate) const UNVOUCHED_SAMPLE: usize = 12;
pub(crate) const UNVOUCHED_DELAY_MS: u64 = 2_000;

/// How long to wait before a further round of looks, after one that met a contradiction: longer each time.
pub(crate) const ROUND_DELAY_MS: u64 = 1_000;

/// How many rounds of confirmation may meet a contradiction: then the days in doubt fail.
pub(crate) const MAX_CONTRADICTORY_ROUNDS: u32 = 3;

/// How many more looks an empty window needs for each such round.
pub(crate) const LOOKS_PER_CONTRADICTION: u32 = 2;

/// How often in a row a window is looked at, once some window was answered otherwise than before.
pub(crate) const LOOKS_IN_A_ROW: u32 = 2;

/// How far before the asked days a canary is looked for: 1, 2, 4 … 64 days.
pub(crate) const CANARY_SEARCH_DOUBLINGS: u32 = 7;

/// How many attempts a failure that is no refusal gets with a larger limit than the documented one.
pub(crate) const ATTEMPTS_WITH_LARGE_LIMIT: u32 = 2;

/// How many attempts a further page gets while other requests are answered: an index with a bound on
/// paging is told by equal answers, not after ten minutes.
pub(crate) const ATTEMPTS_FOR_FURTHER_PAGE: u32 = 3;

/// How many attempts a control gets: it has to be refused three times unchanged to tell something.
pub(crate) const ATTEMPTS_FOR_CONTROL: u32 = 6;

/// How often a canary is asked while other questions are in trouble, and how long is waited in between:
/// a server that refuses everything for half a minute is believed.
pub(crate) const TROUBLE_CANARY_ATTEMPTS: u32 = 20;
pub(crate) const TROUBLE_CANARY_DELAYS_MS: (u64, u64) = (250, 1_500);

/// For how many questions a run waits patiently in vain: a server that tells its trouble in words has
/// time to recover, but one that will not be moved is soon believed.
pub(crate) const PATIENCE: u32 = 3;

/// How often it is asked anew what "no customers" looks like, because the controls may have met trouble.
pub(crate) const CONTROLS: u32 = 4;

/// How many far probes of a run may find no rows: two at first, and one more for each so many pages that had rows, up
/// to a maximum. Two windows of hundreds of pages need a dozen; with fewer, their last pages are requested one after
/// another. With `--fewer-requests` the maximum is lower, and a pull may take longer for that.
const FAR_PROBES: u32 = 2;
const PAGES_PER_FAR_PROBE: u64 = 10;
const FEWER_FAR_PROBES: u64 = 6;
const PAGES_PER_FURTHER_FAR_PROBE: u64 = 40;
const MAX_FAR_PROBES: u64 = 12;

/// What a run may still spend.
#[derive(Debug)]
pub(crate) struct Budget {
    far_probes: u32,
    max_far_probes: u64,
    pages: u64,
    patience: u32,
    controls: u32,
    /// A window in disorder is being asked for in one large page: one at a time, for the memory it takes.
    pub(crate) large_page: Option<chrono::NaiveDate>,
}

impl Budget {
    pub(crate) fn new(fewer_requests: bool) -> Self {
        Self {
            far_probes: FAR_PROBES,
            max_far_probes: match fewer_requests {
                true => FEWER_FAR_PROBES,
                false => MAX_FAR_PROBES,
            },
            pages: 0,
            patience: PATIENCE,
            controls: CONTROLS,
            large_page: None,
        }
    }

    /// Whether one more may be made while so many are on their way.
    pub(crate) fn may_probe_far(&self, on_their_way: usize) -> bool {
        self.far_probes as usize > on_their_way
    }

    pub(crate) fn far_probe_was_in_vain(&mut self) {
        self.far_probes = self.far_probes.saturating_sub(1);
    }

    /// A further page was of use.
    pub(crate) fn page_was_of_use(&mut self) {
        self.pages += 1;
        let first = PAGES_PER_FAR_PROBE * (FEWER_FAR_PROBES - u64::from(FAR_PROBES));
        let is_earned = match self.pages.checked_sub(first) {
            None | Some(0) => self.pages.is_multiple_of(PAGES_PER_FAR_PROBE),
            Some(further) => {
                let earned = further / PAGES_PER_FURTHER_FAR_PROBE;
                further.is_multiple_of(PAGES_PER_FURTHER_FAR_PROBE)
                    && earned <= self.max_far_probes - FEWER_FAR_PROBES
            }
        };
        self.far_probes += u32::from(is_earned);
    }

    /// Takes the right to wait patiently for one question, if there is one left.
    pub(crate) fn take_patience(&mut self) -> bool {
        let is_left = self.patience > 0;
        self.patience = self.patience.saturating_sub(1);
        is_left
    }

    /// Whether it may be asked once more what "no customers" looks like.
    pub(crate) fn may_ask_controls(&self) -> bool {
        self.controls > 0
    }

    pub(crate) fn controls_were_asked(&mut self) {
        self.controls = self.controls.saturating_sub(1);
    }

    /// The patience was rewarded.
    pub(crate) fn give_back_patience(&mut self) {
        self.patience += 1;
    }
}
