//! A row of stations that blocks pass in order, over a number of cores: a discrete-event simulation.
//!
//! Knows what a station does with a block, not why. Time is in nanoseconds of the simulated machine; the
//! same line gives the same outcome. Invariants: blocks leave every station in order, a queue never has
//! more than its room, no more pieces run at once than there are cores, nor tasks than there are workers
//! (one for each core).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A core goes on to the next piece after so long, if the one it has is longer.
const QUANTUM_NS: u64 = 1_000_000;

/// One thing that a station does with a group of blocks; all times are for each block of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// On the station's own thread.
    Alone(u64),
    /// On the workers: some tasks of the same length, and one chain beside them.
    Spread {
        chain_ns: u64,
        tasks: u64,
        task_ns: u64,
    },
    /// No core is needed: so long for the group, and for each of its blocks.
    Wait { group_ns: u64, block_ns: u64 },
}

/// A stage of the pipeline, with the queue in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) name: &'static str,
    /// Blocks that wait in front of it at most.
    pub(crate) room: usize,
    /// Groups that it works on at the same time.
    pub(crate) lanes: usize,
    /// Blocks of a group: at least so many while more are to come, and at most.
    pub(crate) group: (usize, usize),
    /// One after another.
    pub(crate) steps: Vec<Step>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Until the last block has left the last station.
    pub(crate) wall_ns: u64,
    /// What all cores worked.
    pub(crate) cpu_ns: u64,
    /// Per station.
    pub(crate) stations: Vec<StationOutcome>,
    /// The blocks as they left the last station.
    pub(crate) left: Vec<usize>,
}

/// What a station did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StationOutcome {
    pub(crate) name: &'static str,
    /// Time in which its lanes worked, or waited for cores or disk, but not for room behind.
    pub(crate) working_ns: u64,
    /// The most blocks that waited in front of it.
    pub(crate) depth_max: usize,
}

/// Passes `blocks` blocks through `stations`.
pub(crate) fn simulate(stations: &[Station], blocks: usize, cores: usize) -> Outcome {
    let mut run = Run::new(stations, blocks, cores);
    run.settle();
    while let Some(Reverse((now, _, event))) = run.events.pop() {
        run.now = now;
        match event {
            Event::Slice(piece) => run.slice_done(piece),
            Event::Waited(visit) => run.piece_done(visit),
        }
        run.settle();
    }
    let rows = run.rows.into_iter().map(|row| StationOutcome {
        name: row.station.name,
        working_ns: row.working_ns,
        depth_max: row.depth_max,
    });
    Outcome {
        wall_ns: run.now,
        cpu_ns: run.cpu_ns,
        stations: rows.collect(),
        left: run.left,
    }
}

/// A group in a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct VisitId {
    row: usize,
    visit: u64,
}

#[derive(Debug)]
struct Visit {
    id: VisitId,
    blocks: VecDeque<usize>,
    since_ns: u64,
    /// The next step.
    step: usize,
    /// Pieces of this step that are not done.
    pending: u64,
    done: bool,
}

/// CPU work on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    visit: VisitId,
    left_ns: u64,
    on_worker: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Slice(Piece),
    Waited(VisitId),
}

#[derive(Debug)]
struct Row<'s> {
    station: &'s Station,
    queue: VecDeque<usize>,
    /// In the order in which they came.
    visits: VecDeque<Visit>,
    working_ns: u64,
    depth_max: usize,
}

struct Run<'s> {
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// Numbers events and visits, so that ties have an order.
    sequence: u64,
    rows: Vec<Row<'s>>,
    cores: usize,
    cores_idle: usize,
    /// Pieces that wait for a core, each with its place in line.
    threads: VecDeque<(u64, Piece)>,
    tasks: VecDeque<(u64, Piece)>,
    tasks_running: usize,
    next_block: usize,
    blocks: usize,
    cpu_ns: u64,
    left: Vec<usize>,
}

impl<'s> Run<'s> {
    fn new(stations: &'s [Station], blocks: usize, cores: usize) -> Self {
        let rows = stations.iter().map(|station| Row {
            station,
            queue: VecDeque::new(),
            visits: VecDeque::new(),
            working_ns: 0,
            depth_max: 0,
        });
        Self {
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            rows: rows.collect(),
            cores: cores.max(1),
            cores_idle: cores.max(1),
            threads: VecDeque::new(),
            tasks: VecDeque::new(),
            tasks_running: 0,
            next_block: 0,
            blocks,
            cpu_ns: 0,
            left: Vec::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn at(&mut self, time_ns: u64, event: Event) {
        let number = self.number();
        self.events.push(Reverse((time_ns, number, event)));
    }

    /// Moves everything that can move now.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for row in (0..self.rows.len()).rev() {
                moved |= self.deliver(row);
                moved |= self.begin(row);
            }
            if !moved {
                break;
            }
        }
        while let Some(piece) = self.next_piece() {
            let slice_ns = piece.left_ns.min(QUANTUM_NS);
            self.cpu_ns += slice_ns;
            let left_ns = piece.left_ns - slice_ns;
            self.at(
                self.now + slice_ns,
                Event::Slice(Piece { left_ns, ..piece }),
            );
        }
    }

    /// Hands on what the first group of a station has finished, as far as there is room.
    fn deliver(&mut self, row: usize) -> bool {
        let mut moved = false;
        loop {
            let room = self
                .rows
                .get(row + 1)
                .is_none_or(|next| next.queue.len() < next.station.room);
            let Some(this) = self.rows.get_mut(row) else {
                return moved;
            };
            let Some(first) = this.visits.front_mut().filter(|visit| visit.done) else {
                return moved;
            };
            if first.blocks.is_empty() {
                this.visits.pop_front();
                moved = true;
                continue;
            }
            if !room {
                return moved;
            }
            let Some(block) = first.blocks.pop_front() else {
                return moved;
            };
            moved = true;
            match self.rows.get_mut(row + 1) {
                None => self.left.push(block),
                Some(next) => {
                    next.queue.push_back(block);
                    next.depth_max = next.depth_max.max(next.queue.len());
                }
            }
        }
    }

    /// Starts a group where a lane is free and enough blocks wait.
    fn begin(&mut self, row: usize) -> bool {
        let more_to_come = self.more_to_come(row);
        let Some(this) = self.rows.get(row) else {
            return false;
        };
        let (least, most) = this.station.group;
        if this.visits.len() >= this.station.lanes.max(1) {
            return false;
        }
        if row > 0 && (this.queue.is_empty() || more_to_come && this.queue.len() < least) {
            return false;
        }
        if row == 0 && self.next_block == self.blocks {
            return false;
        }
        let id = VisitId {
            row,
            visit: self.number(),
        };
        let Some(this) = self.rows.get_mut(row) else {
            return false;
        };
        let blocks = if row == 0 {
            self.next_block += 1;
            VecDeque::from([self.next_block - 1])
        } else {
            let count = this.queue.len().min(most.max(1));
            this.queue.drain(..count).collect()
        };
        this.visits.push_back(Visit {
            id,
            blocks,
            since_ns: self.now,
            step: 0,
            pending: 0,
            done: false,
        });
        self.go_on(id);
        true
    }

    /// Whether a station may get further blocks.
    fn more_to_come(&self, row: usize) -> bool {
        let before = self.rows.iter().take(row);
        self.next_block < self.blocks
            || before
                .into_iter()
                .any(|row| !row.queue.is_empty() || !row.visits.is_empty())
    }

    fn visit(&mut self, id: VisitId) -> Option<&mut Visit> {
        let row = self.rows.get_mut(id.row)?;
        row.visits.iter_mut().find(|visit| visit.id == id)
    }

    fn piece_done(&mut self, id: VisitId) {
        let Some(visit) = self.visit(id) else {
            return;
        };
        visit.pending -= 1;
        if visit.pending == 0 {
            self.go_on(id);
        }
    }

    /// Begins a group's next step; one that has nothing to do is left out.
    fn go_on(&mut self, id: VisitId) {
        loop {
            let steps = self.rows.get(id.row).map(|row| &row.station.steps);
            let now = self.now;
            let Some((steps, visit)) = steps.zip(self.visit(id)) else {
                return;
            };
            let Some(step) = steps.get(visit.step).copied() else {
                visit.done = true;
                let worked_ns = now - visit.since_ns;
                if let Some(row) = self.rows.get_mut(id.row) {
                    row.working_ns += worked_ns;
                }
                return;
            };
            visit.step += 1;
            let blocks = visit.blocks.len() as u64;
            let pieces = self.step(id, step, blocks);
            if pieces > 0 {
                if let Some(visit) = self.visit(id) {
                    visit.pending = pieces;
                }
                return;
            }
        }
    }

    /// Begins a step, and says how many pieces it has.
    fn step(&mut self, visit: VisitId, step: Step, blocks: u64) -> u64 {
        let mut pieces = 0;
        let mut piece = |run: &mut Self, left_ns: u64, on_worker: bool| {
            if left_ns > 0 {
                let place = run.number();
                let piece = Piece {
                    visit,
                    left_ns,
                    on_worker,
                };
                run.line(on_worker).push_back((place, piece));
                pieces += 1;
            }
        };
        match step {
            Step::Alone(ns) => piece(self, ns * blocks, false),
            Step::Spread {
                chain_ns,
                tasks,
                task_ns,
            } => {
                piece(self, chain_ns * blocks, true);
                (0..tasks).for_each(|_| piece(self, task_ns * blocks, true));
            }
            Step::Wait { group_ns, block_ns } => {
                self.at(
                    self.now + group_ns + block_ns * blocks,
                    Event::Waited(visit),
                );
                pieces = 1;
            }
        }
        pieces
    }

    fn line(&mut self, on_worker: bool) -> &mut VecDeque<(u64, Piece)> {
        if on_worker {
            &mut self.tasks
        } else {
            &mut self.threads
        }
    }

    /// The piece that has waited longest, if there is a core for it, and a worker where it needs one.
    fn next_piece(&mut self) -> Option<Piece> {
        if self.cores_idle == 0 {
            return None;
        }
        let thread = self.threads.front().map(|(place, _)| *place);
        let task = self.tasks.front().map(|(place, _)| *place);
        let task = task.filter(|_| self.tasks_running < self.cores);
        let on_worker = match (thread, task) {
            (Some(thread), Some(task)) => task < thread,
            (None, None) => return None,
            (_, task) => task.is_some(),
        };
        let (_, piece) = self.line(on_worker).pop_front()?;
        self.cores_idle -= 1;
        self.tasks_running += usize::from(on_worker);
        Some(piece)
    }

    fn slice_done(&mut self, piece: Piece) {
        self.cores_idle += 1;
        self.tasks_running -= usize::from(piece.on_worker);
        if piece.left_ns == 0 {
            self.piece_done(piece.visit);
        } else {
            let place = self.number();
            self.line(piece.on_worker).push_back((place, piece));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Against what can be said without simulating.

    use super::*;

    fn station(room: usize, steps: &[Step]) -> Station {
        Station {
            name: "station",
            room,
            lanes: 1,
            group: (1, 1),
            steps: steps.to_vec(),
        }
    }

    /// Five stations of all kinds.
    fn line(seed: u64) -> Vec<Station> {
        let vary = |by: u64| 1000 + (seed * by) % 7919;
        let spread = Step::Spread {
            chain_ns: vary(31),
            tasks: 1 + seed % 9,
            task_ns: vary(57),
        };
        let mut wide = station(2, &[Step::Alone(vary(3)), spread]);
        wide.lanes = 1 + usize::from(seed % 2 == 1) * 3;
        let mut groups = station(
            4,
            &[
                Step::Alone(vary(11)),
                Step::Wait {
                    group_ns: vary(5),
                    block_ns: 7,
                },
            ],
        );
        groups.group = (1, 3);
        let mut last = station(12, &[Step::Alone(vary(13))]);
        last.group = (4, 8);
        let first = station(0, &[Step::Alone(vary(2))]);
        vec![
            first,
            station(2, &[spread, Step::Alone(9)]),
            wide,
            groups,
            last,
        ]
    }

    fn cpu_of(stations: &[Station], blocks: u64) -> u64 {
        let of = |step: &Step| match *step {
            Step::Alone(ns) => ns,
            Step::Spread {
                chain_ns,
                tasks,
                task_ns,
            } => chain_ns + tasks * task_ns,
            Step::Wait { .. } => 0,
        };
        let steps = stations.iter().flat_map(|station| &station.steps);
        steps.map(of).sum::<u64>() * blocks
    }

    #[test]
    fn every_block_leaves_once_and_in_order_and_queues_are_bounded() {
        for seed in 0..40 {
            let stations = line(seed);
            for cores in [1, 2, 5, 64] {
                let outcome = simulate(&stations, 50, cores);
                assert_eq!(outcome.left, (0..50).collect::<Vec<_>>(), "seed {seed}");
                assert_eq!(outcome.cpu_ns, cpu_of(&stations, 50), "seed {seed}");
                for (station, found) in stations.iter().zip(&outcome.stations).skip(1) {
                    assert!(found.depth_max <= station.room, "seed {seed}");
                    assert!(found.depth_max > 0, "seed {seed}");
                }
                let most = outcome.wall_ns * cores as u64;
                assert!(outcome.cpu_ns <= most, "seed {seed}: more than all cores");
            }
        }
    }

    #[test]
    fn one_core_takes_as_long_as_the_work() {
        for seed in 0..40 {
            let mut stations = line(seed);
            for station in &mut stations {
                let works = |step: &Step| !matches!(step, Step::Wait { .. });
                station.steps.retain(works);
            }
            let outcome = simulate(&stations, 50, 1);
            assert_eq!(outcome.wall_ns, cpu_of(&stations, 50), "seed {seed}");
        }
    }

    #[test]
    fn more_cores_are_not_slower() {
        for seed in 0..40 {
            let stations = line(seed);
            let walls = [1, 2, 4, 8, 16, 64].map(|cores| simulate(&stations, 200, cores).wall_ns);
            // Another order of the same pieces can cost a little: Graham's anomalies.
            for pair in walls.windows(2) {
                assert!(pair[1] <= pair[0] + pair[0] / 50, "seed {seed}: {walls:?}");
            }
        }
    }

    #[test]
    fn two_stations_do_as_their_recurrence_says() {
        for (first_ns, second_ns) in [(5, 3), (3, 5), (4, 4), (1, 100), (100, 1)] {
            for room in 1..4 {
                let stations = [
                    station(0, &[Step::Alone(first_ns)]),
                    station(room, &[Step::Alone(second_ns)]),
                ];
                let found = simulate(&stations, 30, 2).wall_ns;
                assert_eq!(found, recurrence(first_ns, second_ns, room, 30));
            }
        }
    }

    /// A block leaves the first station once there is room: when the block `room` before it has been
    /// taken out of the queue.
    fn recurrence(first_ns: u64, second_ns: u64, room: usize, blocks: usize) -> u64 {
        let (mut leaves, mut begins, mut ends) = (vec![0_u64], Vec::new(), vec![0_u64]);
        for block in 0..blocks {
            let done = leaves[block] + first_ns;
            let has_room = block.checked_sub(room).map_or(0, |other| begins[other]);
            leaves.push(done.max(has_room));
            begins.push(leaves[block + 1].max(ends[block]));
            ends.push(begins[block] + second_ns);
        }
        ends[blocks]
    }

    #[test]
    fn lanes_work_on_blocks_at_the_same_time_and_keep_their_order() {
        let chain = |chain_ns| Step::Spread {
            chain_ns,
            tasks: 0,
            task_ns: 0,
        };
        let first = station(0, &[Step::Alone(1)]);
        let wall = |lanes| {
            let mut wide = station(4, &[chain(1000)]);
            wide.lanes = lanes;
            simulate(&[first.clone(), wide], 400, 8).wall_ns
        };
        assert_eq!(wall(1), 1 + 400 * 1000);
        assert!(wall(4) < 101 * 1000 + 10, "{}", wall(4));
    }

    #[test]
    fn a_small_group_does_not_overtake_a_large_one() {
        let first = station(0, &[Step::Alone(10)]);
        let mut wide = station(2, &[Step::Alone(1000)]);
        (wide.group, wide.lanes) = ((1, 2), 2);
        let outcome = simulate(&[first, wide], 40, 8);
        assert_eq!(outcome.left, (0..40).collect::<Vec<_>>());
    }
}
